"""Projections: when to make one, and how proxies are re-initialised."""
