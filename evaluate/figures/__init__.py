"""Figures of a run, drawn with matplotlib from arrays; legible on a phone's screen and in grey."""

from evaluate.figures.curves import draw_curves
from evaluate.figures.distances import draw_distances
from evaluate.figures.embedding import draw_embedding
from evaluate.figures.geometry import draw_class_distances, draw_radii, draw_radii_by_centers, draw_relative_radii
from evaluate.figures.projections import draw_projections
from evaluate.figures.retrieval import RetrievalRow, draw_retrievals
from evaluate.figures.roc import draw_roc
from evaluate.figures.style import save, to_png

__all__ = [
    "RetrievalRow",
    "draw_class_distances",
    "draw_curves",
    "draw_distances",
    "draw_embedding",
    "draw_projections",
    "draw_radii",
    "draw_radii_by_centers",
    "draw_relative_radii",
    "draw_retrievals",
    "draw_roc",
    "save",
    "to_png",
]
