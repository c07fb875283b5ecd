"""Retrieval metrics: per query first, then the mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evaluate.metrics.clustering import cluster_agreement
from evaluate.metrics.result import RetrievalResult
from evaluate.search import ties
from evaluate.search.nearer import count_nearer
from evaluate.search.ranking import Ranking
from evaluate.search.search import Budget, rankings
from evaluate.search.sets import EvaluationError, LabelledSet, Points, count_of

__all__ = ["METRICS", "TITLES", "EvaluationError", "evaluate_retrieval", "per_query_metrics", "retrieval_metrics"]

TITLES = {"precision_at_1": "P@1", "r_precision": "P@R", "map_at_r": "MAP@R"}
METRICS = tuple(TITLES)


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
      gallery_embeddings: [num_references, embedding_size], or several such arrays.
      gallery_labels: [num_references] integers, or several such arrays.

    Returns:
      ``precision_at_1`` (also called R@1), ``r_precision`` (P@R) and ``map_at_r``, each in [0, 1], and the lowest
      and highest of the first and the last over the orders of references that tie; definitions:
      ``evaluate_retrieval``.

    Raises:
      EvaluationError: shapes do not fit, an embedding is not finite, or no query has a reference.
    """
    result = evaluate_retrieval(
        query_embeddings, query_labels, gallery_embeddings, gallery_labels, recall_at=(), with_mrr=False
    )
    return result.means


def per_query_metrics(
    query_embeddings: np.ndarray,
    query_labels: np.ndarray,
    gallery_embeddings: np.ndarray | None = None,
    gallery_labels: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The same for each query, [num_queries] arrays by name, and ``num_relevant``: R.

    Where R is 0 the others are 0 and mean nothing.
    """
    evaluation = _Evaluation(query_embeddings, query_labels, gallery_embeddings, gallery_labels, (), ())
    evaluation.run(Budget())
    return evaluation.per_query


def evaluate_retrieval(
    query_embeddings: np.ndarray,
    query_labels: np.ndarray,
    gallery_embeddings: np.ndarray | Sequence[np.ndarray] | None = None,
    gallery_labels: np.ndarray | Sequence[np.ndarray] | None = None,
    *,
    recall_at: Sequence[int] = (1, 2, 4, 8),
    map_at: Sequence[int] = (),
    with_mrr: bool = True,
    with_clustering: bool = False,
    budget: Budget | None = None,
) -> RetrievalResult:
    """All retrieval metrics, of each query and class. R is the number of a query's references of its class.

    - ``precision_at_1``: whether the nearest reference is of the same class; equal to ``recall_at_1``.
    - ``r_precision``: hits among the R nearest, over R.
    - ``map_at_r``: Σ over the R nearest of the precision at each hit, over R (Musgrave et al., ECCV 2020).
    - ``recall_at_k``: whether there is a hit among the k nearest (the R@k of metric learning; the share of the R
      that are found, which information retrieval calls recall, is another number).
    - ``map_at_k``: Σ over the k nearest of the precision at each hit, over min(k, R). Divided by the number of
      hits instead, as some do, it would rise when a late hit is lost.
    - ``mrr``: 1 / rank of the first hit, among all references.

    **Ties.** Where references are at the same distance, each of these is its expected value over all their orders,
    as if a draw decided; ``…_lowest`` and ``…_highest`` of ``precision_at_1`` and ``map_at_r`` are what the worst and
    the best order would give. A distance is the float64 sum of (query − reference)² over the dimensions.

    Args:
      query_embeddings: [num_queries, embedding_size], compared as they are.
      query_labels: [num_queries] integers.
      gallery_embeddings: [num_references, embedding_size], or several such arrays that count as one; they may be
        memory maps larger than memory. Without, every example queries all others (leave-one-out by index).
      gallery_labels: [num_references] integers, or several such arrays.
      recall_at: the k of R@k.
      map_at: the k of MAP@k.
      with_mrr: whether to count the references before each first hit.
      with_clustering: whether to cluster the queries: ``evaluate.metrics.clustering.cluster_agreement``.
      budget: of memory.

    Raises:
      EvaluationError: shapes do not fit, an embedding is not finite, or no query has a reference.
    """
    evaluation = _Evaluation(query_embeddings, query_labels, gallery_embeddings, gallery_labels, recall_at, map_at)
    if not evaluation.num_relevant.any():
        raise EvaluationError("No query has a reference of its own class, so there is nothing to score.")
    evaluation.run(budget or Budget())
    if with_mrr:
        evaluation.add_reciprocal_ranks()
    clustering = {}
    if with_clustering:
        rows = evaluation.queries.rows
        clustering = cluster_agreement(rows.block(0, len(rows)), evaluation.queries.labels)
    return RetrievalResult(evaluation.queries.labels, evaluation.per_query, evaluation.protocol(), clustering)


class _Evaluation:
    """One evaluation: its sets, and each query's scores as they come in."""

    def __init__(self, query_embeddings, query_labels, gallery_embeddings, gallery_labels, recall_at, map_at):
        self.queries = LabelledSet(query_embeddings, query_labels, "query")
        if (gallery_embeddings is None) != (gallery_labels is None):
            raise EvaluationError("A gallery needs both embeddings and labels.")
        if min([*recall_at, *map_at], default=1) < 1:
            raise EvaluationError(f"Ranks count from 1; got {[*recall_at, *map_at]}.")
        self._itself = gallery_embeddings is None
        self.references = self.queries
        if not self._itself:
            self.references = LabelledSet(gallery_embeddings, gallery_labels, "gallery")
            if self.references.rows.size != self.queries.rows.size:
                raise EvaluationError(
                    f"Queries have {self.queries.rows.size} dimensions and the gallery {self.references.rows.size}; "
                    "embed both with one model."
                )
        self._recall_at, self._map_at = tuple(recall_at), tuple(map_at)
        self._find_relevant()
        self._allocate()

    def _find_relevant(self) -> None:
        labels, references = self.queries.labels, self.references.labels
        self.num_relevant = count_of(labels, references) - self._itself
        self._largest = max(self.queries.largest, self.references.largest)
        values = np.unique(references)
        # Labels that no reference has are all one: they have no hits.
        self._label_ids = np.where(self.num_relevant + self._itself > 0, np.searchsorted(values, labels), len(values))
        self._reference_ids = self._label_ids if self._itself else np.searchsorted(values, references)

    def _allocate(self) -> None:
        ends = [f"{name}_{end}" for name in ("precision_at_1", "map_at_r") for end in ("lowest", "highest")]
        names = [*METRICS, *ends]
        names += [f"recall_at_{k}" for k in self._recall_at] + [f"map_at_{k}" for k in self._map_at]
        number = len(self.num_relevant)
        self.per_query = {name: np.zeros(number) for name in names}
        self.per_query["num_relevant"] = self.num_relevant
        self._wanted = np.maximum(self.num_relevant, max([1, *self._recall_at, *self._map_at]))
        self._wanted = np.where(self.num_relevant > 0, self._wanted, 0)
        # Of the nearest tie group that has a hit: ahead, size, relevant.
        self._first = np.zeros((3, number), np.int64)

    def run(self, budget: Budget) -> None:
        """Searches, and scores what is found."""
        points = self._points = Points(self.references.rows, self._reference_ids, by_label=self._itself)
        counts = self._wanted
        if self._itself:
            counts = np.zeros(len(points.rows), np.int64)
            np.maximum.at(counts, points.point, self._wanted)
        queries = None if self._itself else self.queries.rows
        for ranking in rankings(queries, points.rows, counts, self._largest, budget):
            for chosen, groups in self._groups(ranking):
                self._score(chosen, groups)

    def _groups(self, ranking: Ranking) -> Iterator[tuple[np.ndarray, ties.TieGroups]]:
        """Queries, and the tie groups that they see."""
        chosen, rows = ranking.queries, np.arange(len(ranking.queries))
        if self._itself:
            rows, chosen = self._points.members(ranking.queries)
        step = max(1, 1_000_000 // max(1, ranking.references.shape[1]))
        for start in range(0, len(chosen), step):
            some, row = chosen[start : start + step], rows[start : start + step]
            yield some, self._groups_of(some, ranking.references[row], ranking.ties[row])

    def _groups_of(self, chosen: np.ndarray, found: np.ndarray, tie: np.ndarray) -> ties.TieGroups:
        labels, there = self._label_ids[chosen][:, np.newaxis], found >= 0
        size = np.where(there, self._points.sizes[found], 0)
        relevant = np.where(there, self._points.relevant(found, labels), 0)
        if (tie[:, 1:] == tie[:, :-1]).any():
            places = (tie - 1 + tie.shape[1] * np.arange(len(tie))[:, np.newaxis]).ravel()
            size, relevant = (
                np.bincount(places, array.ravel(), minlength=tie.size).astype(np.int64).reshape(tie.shape)
                for array in (size, relevant)
            )
        if self._itself and not self._points.all_differ:
            # Its duplicates, at distance 0, come before all others.
            own = self._points.point[chosen]
            size = np.column_stack([self._points.sizes[own] - 1, size])
            relevant = np.column_stack([self._points.relevant(own, labels[:, 0]) - 1, relevant])
        return ties.TieGroups.of(size, relevant)

    def _score(self, chosen: np.ndarray, groups: ties.TieGroups) -> None:
        scores, relevant = self.per_query, self.num_relevant[chosen]
        at_least_one = np.maximum(relevant, 1)
        ahead, size, hits = groups.first_hit()
        nearest = (ahead == 0) & (relevant > 0)
        scores["precision_at_1"][chosen] = np.where(nearest, hits / np.maximum(size, 1), 0)
        scores["precision_at_1_lowest"][chosen] = nearest & (hits == size)
        scores["precision_at_1_highest"][chosen] = nearest & (hits > 0)
        scores["r_precision"][chosen] = groups.expected_hits(relevant) / at_least_one
        sums = ties.precision_sums(groups, relevant)
        for name, values in zip(("map_at_r", "map_at_r_lowest", "map_at_r_highest"), sums):
            scores[name][chosen] = values / at_least_one
        for k in self._map_at:
            found = ties.precision_sums(groups, np.where(relevant > 0, k, 0))[0]
            scores[f"map_at_{k}"][chosen] = found / np.minimum(at_least_one, k)
        # Beyond what was wanted, some of a group may be missing.
        complete = (ahead < self._wanted[chosen]) & (hits > 0)
        self._first[:, chosen] = np.where(complete, (ahead, size, hits), 0)
        for k in self._recall_at:
            scores[f"recall_at_{k}"][chosen] = ties.recall(*self._first[:, chosen], k)

    def add_reciprocal_ranks(self) -> None:
        """Counts what lies before the first hits that the search has not met."""
        missing = np.flatnonzero((self._first[2] == 0) & (self.num_relevant > 0))
        self._first[:, missing] = count_nearer(
            missing,
            self.queries.rows,
            self._label_ids,
            self.references.rows,
            self._reference_ids,
            self._itself,
            self._largest,
        )
        self.per_query["mrr"] = ties.reciprocal_rank(*self._first)

    def protocol(self) -> dict[str, object]:
        """How it was done, for whoever reads the result."""
        return {
            "search": "leave-one-out by index" if self._itself else "queries against a gallery",
            "num_queries": len(self.num_relevant),
            "num_references": len(self.references.labels) - self._itself,
            "num_queries_left_out": int((self.num_relevant == 0).sum()),
            "distance": "Euclidean, between the embeddings as given",
            "ties": "expected value over the orders of references at the same distance",
        }
