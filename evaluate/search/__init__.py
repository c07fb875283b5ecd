"""Exact search for nearest references."""

from evaluate.search.neighbors import Neighbors, nearest_neighbors

__all__ = ["Neighbors", "nearest_neighbors"]
