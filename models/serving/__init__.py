"""Exported models: written, checked and loaded again, and what their signatures compute."""
