"""Retrieval metrics: per query first, then the mean."""

from __future__ import annotations

import numpy as np

from ccp.errors import UserError
from evaluate.search import nearest_references

TITLES = {"precision_at_1": "P@1", "r_precision": "P@R", "map_at_r": "MAP@R"}
METRICS = tuple(TITLES)


class EvaluationError(UserError, ValueError):
    """What was to be evaluated cannot be; the message says why."""


def retrieval_metrics(
    query_embeddings: np.ndarray,
    query_labels: np.ndarray,
    gallery_embeddings: np.ndarray | None = None,
    gallery_labels: np.ndarray | None = None,
) -> dict[str, float]:
    """P@1, R-precision and MAP@R, means over the queries that have a reference of their class.

    Without a gallery every example queries all others (leave-one-out by index). The embeddings are compared
    as they are, by Euclidean distance; pass what ``lipschitz_normalize`` returns to judge a network.

    Args:
      query_embeddings: [num_queries, embedding_size].
      query_labels: [num_queries] integers.
      gallery_embeddings: [num_references, embedding_size].
      gallery_labels: [num_references] integers.

    Returns:
      ``precision_at_1`` (also called R@1), ``r_precision`` (P@R) and ``map_at_r``, each in [0, 1];
      definitions: ``per_query_metrics``.

    Raises:
      EvaluationError: shapes do not fit, an embedding is not finite, or no query has a reference.
    """
    per_query = per_query_metrics(query_embeddings, query_labels, gallery_embeddings, gallery_labels)
    valid = per_query["num_relevant"] > 0
    if not valid.any():
        raise EvaluationError("No query has a reference of its own class, so there is nothing to score.")
    return {name: float(per_query[name][valid].mean()) for name in METRICS}


def per_query_metrics(
    query_embeddings: np.ndarray,
    query_labels: np.ndarray,
    gallery_embeddings: np.ndarray | None = None,
    gallery_labels: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The same for each query, with R = number of its references of the same class.

    - ``precision_at_1``: whether the nearest reference is of the same class.
    - ``r_precision``: hits among the R nearest, over R.
    - ``map_at_r``: Σ over the R nearest of the precision at each hit, over R (Musgrave et al., ECCV 2020).
    - ``num_relevant``: R. Where it is 0 the others are 0 and mean nothing.

    Returns:
      [num_queries] arrays by name.
    """
    queries, labels = _checked(query_embeddings, query_labels, "query")
    if (gallery_embeddings is None) != (gallery_labels is None):
        raise EvaluationError("A gallery needs both embeddings and labels.")
    if gallery_embeddings is None:
        gallery, reference_labels = None, labels
    else:
        gallery, reference_labels = _checked(gallery_embeddings, gallery_labels, "gallery")
        if gallery.shape[1] != queries.shape[1]:
            raise EvaluationError(
                f"Queries have {queries.shape[1]} dimensions and the gallery {gallery.shape[1]}; "
                "embed both with one model."
            )
    num_relevant = _count_of(labels, reference_labels) - (gallery is None)
    results = {name: np.zeros(len(labels)) for name in METRICS}
    for block, nearest in nearest_references(queries, gallery, num_relevant):
        relevant = num_relevant[block, np.newaxis]
        within = np.arange(nearest.shape[1]) < relevant
        hits = (reference_labels[nearest] == labels[block, np.newaxis]) & within
        precisions = np.cumsum(hits, axis=1) / np.arange(1, nearest.shape[1] + 1)
        at_least_one = np.maximum(relevant[:, 0], 1)
        results["precision_at_1"][block] = hits[:, 0] if nearest.shape[1] else 0.0
        results["r_precision"][block] = hits.sum(axis=1) / at_least_one
        results["map_at_r"][block] = (precisions * hits).sum(axis=1) / at_least_one
    return {**results, "num_relevant": num_relevant}


def _count_of(labels: np.ndarray, among: np.ndarray) -> np.ndarray:
    """How often each of ``labels`` occurs ``among`` the others."""
    values, counts = np.unique(among, return_counts=True)
    places = np.minimum(np.searchsorted(values, labels), len(values) - 1)
    return np.where(values[places] == labels, counts[places], 0)


def _checked(embeddings: np.ndarray, labels: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    embeddings, labels = np.asarray(embeddings), np.asarray(labels)
    if embeddings.ndim != 2 or labels.shape != (len(embeddings),) or not embeddings.size:
        raise EvaluationError(
            f"The {what} set needs embeddings [number, embedding_size] and labels [number], at least one; "
            f"got {embeddings.shape} and {labels.shape}."
        )
    if labels.dtype.kind not in "iu":
        raise EvaluationError(f"{what} labels must be integers; got {labels.dtype}.")
    if labels.max() > np.iinfo(np.int64).max:
        raise EvaluationError(f"{what} labels must fit into int64; got {labels.max()}.")
    broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(broken):
        raise EvaluationError(
            f"{len(broken)} of {len(embeddings)} {what} embeddings are not finite, the first at index {broken[0]}; "
            "the network has diverged or an image is broken."
        )
    # One type for all: NumPy compares int64 with uint64 as floats, which takes neighbours above 2**53 for equal.
    return embeddings, labels.astype(np.int64)
