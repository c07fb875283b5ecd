"""Retrieval metrics: of each query first, then the mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ccp.registry import imported
from datasets.manifest import GALLERY, QUERY
from evaluate.errors import EvaluationError
from evaluate.metrics.find_hits import find_hits
from evaluate.metrics.labelled_vectors import LabelledVectors
from evaluate.metrics.ranked_hits import RankedHits
from evaluate.metrics.registry import STANDARD, Metric, find_metric
from evaluate.metrics.result import RetrievalResult
from evaluate.search.reranking import reranker

_MOST_ENTRIES = 1_000_000


def retrieval_metrics(
    query_embeddings: np.ndarray,
    query_labels: np.ndarray,
    gallery_embeddings: np.ndarray | None = None,
    gallery_labels: np.ndarray | None = None,
) -> dict[str, float]:
    """P@1, R-precision and MAP@R, means over the queries that have a reference of their class.

    Without a gallery every example queries all others (leave-one-out by index). The embeddings are compared
    as they are, by Euclidean distance; to evaluate a network, pass what ``lipschitz_normalize`` returns.

    Args:
      query_embeddings: [num_queries, embedding_size].
      query_labels: [num_queries] or [num_queries, 1] integers, booleans or strings.
      gallery_embeddings: [num_references, embedding_size].
      gallery_labels: [num_references], likewise.

    Returns:
      ``precision_at_1`` (also called R@1), ``r_precision`` (P@R) and ``map_at_r``, each in [0, 1], and the lowest
      and highest of the first and the last over the orders of references that tie.

    Raises:
      EvaluationError: shapes do not fit, an embedding is not finite, or no query has a reference.
    """
    return evaluate_retrieval(query_embeddings, query_labels, gallery_embeddings, gallery_labels).means


def evaluate_by_role(
    embeddings: np.ndarray, labels: np.ndarray, roles: np.ndarray, metrics: Sequence[str] = STANDARD
) -> RetrievalResult:
    """Retrieval scores of a set in which queries and gallery may be separate.

    Args:
      embeddings: [num_examples, embedding_size].
      labels: [num_examples] integers, booleans or strings.
      roles: [num_examples] ``query`` or ``gallery``: queries search the gallery. Where none is a query, every example
        searches all others.
      metrics: see ``evaluate_retrieval``.
    """
    queries, gallery = roles == QUERY, roles == GALLERY
    if not queries.any():
        return evaluate_retrieval(embeddings, labels, metrics=metrics)
    return evaluate_retrieval(
        embeddings[queries], labels[queries], embeddings[gallery], labels[gallery], metrics=metrics
    )


def evaluate_reranked(
    embeddings: np.ndarray, labels: np.ndarray, roles: np.ndarray, reranking: str, metrics: Sequence[str] = STANDARD
) -> RetrievalResult:
    """``evaluate_by_role`` of the references in another order; see ``evaluate.search.reranking``."""
    queries, gallery = roles == QUERY, roles == GALLERY
    sets = (embeddings[queries], labels[queries], embeddings[gallery], labels[gallery])
    queries, references = labelled_sets(*(sets if queries.any() else (embeddings, labels, None, None)))
    itself = queries is references
    num_relevant = references.count(queries.labels) - itself
    if not num_relevant.any():
        raise EvaluationError("No query has a reference of its own class, so there is nothing to score.")
    depth = max(num_relevant.max(), *(find_metric(name)[1] or 1 for name in metrics))
    vectors = (side.vectors.block(0, len(side.vectors)) for side in (queries, references))
    found = reranker(reranking, next(vectors), None if itself else next(vectors))

    def hits() -> Iterator[RankedHits]:
        step = max(1, _MOST_ENTRIES // depth)
        for rows in np.split(np.flatnonzero(num_relevant), range(step, len(num_relevant), step)):
            if len(rows):
                ranked = found.ranked(rows, depth)
                relevant = references.labels[ranked] == queries.labels[rows, np.newaxis]
                yield RankedHits(rows, num_relevant[rows], np.ones_like(ranked), relevant.astype(np.int64))

    per_query = _score_hits({name: find_metric(name) for name in metrics}, len(num_relevant), hits())
    return RetrievalResult(queries.labels, num_relevant, per_query, {"reranking": reranking})


def evaluate_retrieval(
    query_embeddings: np.ndarray,
    query_labels: np.ndarray,
    gallery_embeddings: np.ndarray | None = None,
    gallery_labels: np.ndarray | None = None,
    *,
    metrics: Sequence[str] = STANDARD,
) -> RetrievalResult:
    """Retrieval scores of embeddings, of each query and class.

    Where references tie, a score is its expected value over all their orders, as if a draw decided; ``…_lowest`` and
    ``…_highest`` are those of the worst and the best order. A distance is the float64 sum of (query − reference)² over
    the dimensions.

    Args:
      query_embeddings: [num_queries, embedding_size], compared as they are.
      query_labels: [num_queries] or [num_queries, 1] integers, booleans or strings.
      gallery_embeddings: [num_references, embedding_size], which may be a memory map larger than memory. Without,
        every example queries all others (leave-one-out by index).
      gallery_labels: [num_references], likewise.
      metrics: names in ``METRICS``, with any number for k (``recall_at_10``).

    Raises:
      ConfigError: there is no such metric.
      EvaluationError: shapes do not fit, an embedding is not finite, or no query has a reference.
    """
    found = {name: find_metric(name) for name in metrics}
    queries, references = labelled_sets(query_embeddings, query_labels, gallery_embeddings, gallery_labels)
    num_relevant = references.count(queries.labels) - (queries is references)
    if not num_relevant.any():
        raise EvaluationError("No query has a reference of its own class, so there is nothing to score.")
    depth = max((k for _, k in found.values() if k), default=1)
    per_query = _score_hits(found, len(num_relevant), find_hits(queries, references, depth))
    protocol = {
        "search": "leave-one-out by index" if queries is references else "queries against a gallery",
        "num_queries": len(num_relevant),
        "num_references": len(references.labels) - (queries is references),
        "num_queries_left_out": int((num_relevant == 0).sum()),
        "distance": "Euclidean, between the embeddings as given",
        "ties": "expected value over the orders of references at the same distance",
    }
    return RetrievalResult(queries.labels, num_relevant, per_query, protocol)


def labelled_sets(
    query_embeddings: np.ndarray,
    query_labels: np.ndarray,
    gallery_embeddings: np.ndarray | None,
    gallery_labels: np.ndarray | None,
) -> tuple[LabelledVectors, LabelledVectors]:
    """Queries and references, checked; the same object where the queries search each other."""
    queries = LabelledVectors(query_embeddings, query_labels, "query")
    if (gallery_embeddings is None) != (gallery_labels is None):
        raise EvaluationError("A gallery needs both embeddings and labels.")
    if gallery_embeddings is None:
        return queries, queries
    references = LabelledVectors(gallery_embeddings, gallery_labels, "gallery")
    if queries.labels.dtype.kind != references.labels.dtype.kind:
        raise EvaluationError(
            "Queries and gallery need labels of one kind; got numbers for the one, text for the other."
        )
    return queries, references


def _score_hits(
    metrics: Mapping[str, tuple[Metric, int | None]], num_queries: int, found: Iterable[RankedHits]
) -> dict[str, np.ndarray]:
    """By name, the scores of each query; 0 where it has no reference."""
    per_query = {}
    for name, (metric, _) in metrics.items():
        ends = (f"{name}_lowest", f"{name}_highest") if metric.with_bounds else ()
        per_query.update({column: np.zeros(num_queries) for column in (name, *ends)})
    for hits in found:
        for name, (metric, k) in metrics.items():
            function = imported(metric.function)
            scores = function(hits) if k is None else function(hits, k)
            per_query[name][hits.queries] = scores.expected
            if metric.with_bounds:
                per_query[f"{name}_lowest"][hits.queries] = scores.lowest
                per_query[f"{name}_highest"][hits.queries] = scores.highest
    return per_query
