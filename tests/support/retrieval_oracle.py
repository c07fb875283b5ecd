"""Retrieval and its scores as plain loops, one query at a time."""

from __future__ import annotations

import itertools
import math

METRICS = ("precision_at_1", "r_precision", "map_at_r")
MOST_ORDERS = 500


def squared_distance(a, b) -> float:
    return math.fsum((float(x) - float(y)) ** 2 for x, y in zip(a, b))


def ranking(query, references, left_out: int | None = None) -> list[int]:
    """References by distance, ties by index; ``left_out`` is the query's own index among them."""
    found = [(squared_distance(query, r), index) for index, r in enumerate(references) if index != left_out]
    return [index for _, index in sorted(found)]


def orders(distances: list[float], relevant: list[bool]) -> list[list[bool]] | None:
    """All rankings by distance, as lists of hits: every order of what ties counts. None if they are too many."""
    groups = {}
    for distance, hit in sorted(zip(distances, relevant)):
        groups.setdefault(distance, []).append(hit)
    if math.prod(math.comb(len(hits), sum(hits)) for hits in groups.values()) > MOST_ORDERS:
        return None
    # Where the hits of a group stand; each choice of places is as likely as every other.
    choices = []
    for hits in groups.values():
        every = range(len(hits))
        choices.append([[place in places for place in every] for places in itertools.combinations(every, sum(hits))])
    return [list(itertools.chain(*chosen)) for chosen in itertools.product(*choices)]


def precision_sum(hits: list[bool], limit: int) -> float:
    return sum(sum(hits[:rank]) / rank for rank in range(1, min(limit, len(hits)) + 1) if hits[rank - 1])


def scores_of_order(hits: list[bool], recall_at=(), map_at=(), precision_at=()) -> dict[str, float]:
    num_relevant = sum(hits)
    return {
        "precision_at_1": float(hits[0]),
        "r_precision": sum(hits[:num_relevant]) / num_relevant,
        "map_at_r": precision_sum(hits, num_relevant) / num_relevant,
        **{f"recall_at_{k}": float(any(hits[:k])) for k in recall_at},
        **{f"precision_at_{k}": sum(hits[:k]) / k for k in precision_at},
        **{f"map_at_{k}": precision_sum(hits, k) / min(k, num_relevant) for k in map_at},
    }


def query_scores(distances, relevant, **at) -> dict[str, tuple[float, float, float]] | None:
    """Lowest, expected and highest over the orders of what ties; None without a reference of the query's class.

    Raises:
      OverflowError: there are too many orders.
    """
    if not any(relevant):
        return None
    found = orders(distances, relevant)
    if found is None:
        raise OverflowError
    scores = [scores_of_order(hits, **at) for hits in found]
    columns = {name: [one[name] for one in scores] for name in scores[0]}
    return {name: (min(values), sum(values) / len(values), max(values)) for name, values in columns.items()}


def per_query(
    embeddings, labels, gallery=None, gallery_labels=None, distance=squared_distance, **at
) -> list[dict[str, tuple[float, float, float]] | None]:
    references, reference_labels = (embeddings, labels) if gallery is None else (gallery, gallery_labels)
    scores = []
    for index, query in enumerate(embeddings):
        others = [i for i in range(len(references)) if gallery is not None or i != index]
        distances = [distance(query, references[i]) for i in others]
        relevant = [int(reference_labels[i]) == int(labels[index]) for i in others]
        scores.append(query_scores(distances, relevant, **at))
    return scores


def means(scores: list[dict[str, tuple[float, float, float]] | None]) -> dict[str, float]:
    scored = [one for one in scores if one is not None]
    return {name: sum(one[name][1] for one in scored) / len(scored) for name in METRICS}
