"""Exact search for nearest references, and what its scores are counted from."""
