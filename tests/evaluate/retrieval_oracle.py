"""Retrieval and its scores as plain loops, one query at a time; written from DESIGN.md, section 5."""

from __future__ import annotations

import math

METRICS = ("precision_at_1", "r_precision", "map_at_r")


def squared_distance(a, b) -> float:
    return math.fsum((float(x) - float(y)) ** 2 for x, y in zip(a, b))


def ranking(query, references, left_out: int | None = None) -> list[int]:
    """References by distance, ties by index; ``left_out`` is the query's own index among them."""
    found = [(squared_distance(query, r), index) for index, r in enumerate(references) if index != left_out]
    return [index for _, index in sorted(found)]


def query_scores(ranked_labels: list[int], label: int) -> dict[str, float] | None:
    """One query's scores from its references' labels, nearest first; None without a reference of its class."""
    num_relevant = sum(1 for other in ranked_labels if other == label)
    if not num_relevant:
        return None
    hits, precisions = 0, 0.0
    for rank, other in enumerate(ranked_labels[:num_relevant], start=1):
        if other == label:
            hits += 1
            precisions += hits / rank
    return {
        "precision_at_1": float(ranked_labels[0] == label),
        "r_precision": hits / num_relevant,
        "map_at_r": precisions / num_relevant,
    }


def per_query(embeddings, labels, gallery=None, gallery_labels=None) -> list[dict[str, float] | None]:
    scores = []
    for index, query in enumerate(embeddings):
        if gallery is None:
            nearest = ranking(query, embeddings, left_out=index)
            ranked_labels = [int(labels[i]) for i in nearest]
        else:
            ranked_labels = [int(gallery_labels[i]) for i in ranking(query, gallery)]
        scores.append(query_scores(ranked_labels, int(labels[index])))
    return scores


def means(scores: list[dict[str, float] | None]) -> dict[str, float]:
    scored = [one for one in scores if one is not None]
    return {name: sum(one[name] for one in scored) / len(scored) for name in METRICS}
