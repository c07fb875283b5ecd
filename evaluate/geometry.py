"""Covering radii of classes and distances between them: the quantities of CCP's theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

_BLOCK_ROWS = 1000
_FEWEST_PER_CLASS = 10


def geometry(
    embeddings: np.ndarray, labels: np.ndarray, proxies: np.ndarray | None = None, most_centers: int = 8
) -> dict[str, Any]:
    """Covering radii, distances between classes and distances of pairs, as plain numbers for JSON.

    CCP's claim is that the radii shrink and the classes do not move together.

    Args:
      embeddings: [num_examples, embedding_size], normalised.
      labels: [num_examples], from 0.
      proxies: [num_classes, proxies_per_class, embedding_size], normalised; None where the classes have none.
      most_centers: radii are given for 1 … this many centres.

    Returns:
      ``examples`` and ``classes``, their numbers; ``radius_by_proxies``, the mean over the classes that have
      examples of ``covering_radii`` (None without proxies); ``radius_by_centers``, the same of ``center_radii``, a
      list for 1 … most_centers; ``class_distance_mean`` and ``class_distance_min``, see ``class_distances`` (None for
      a single class); ``positive_distance`` and ``negative_distance``, the means of ``pair_distances`` (None where
      there is no such pair).
    """
    positives, negatives = pair_distances(embeddings, labels)
    mean, smallest = class_distances(embeddings, labels)
    return {
        "examples": len(labels),
        "classes": len(np.unique(labels)),
        "radius_by_proxies": None if proxies is None else _mean_radius(embeddings, labels, proxies),
        "radius_by_centers": center_radii(embeddings, labels, most_centers).mean(axis=0).tolist(),
        "class_distance_mean": mean,
        "class_distance_min": smallest,
        "positive_distance": float(positives.mean()) if len(positives) else None,
        "negative_distance": float(negatives.mean()) if len(negatives) else None,
    }


def covering_radii(embeddings: np.ndarray, labels: np.ndarray, proxies: np.ndarray) -> np.ndarray:
    """Per class, the largest Euclidean distance from an example to the nearest proxy of its class.

    CCP's bound on the expected loss holds with this radius (arXiv 2209.09060, proposition on proxies).

    Args:
      embeddings: [num_examples, embedding_size].
      labels: [num_examples], contiguous from 0.
      proxies: [num_classes, proxies_per_class, embedding_size].

    Returns:
      [num_classes] radii, in units of embedding length; 0 for a class without examples.
    """
    radii = np.zeros(len(proxies))
    for label, own in _by_class(embeddings, labels):
        if label < len(proxies):
            radii[label] = cdist(own, proxies[label]).min(axis=1).max()
    return radii


def center_radii(embeddings: np.ndarray, labels: np.ndarray, most_centers: int) -> np.ndarray:
    """Per class, the covering radius by 1, 2, … of its own examples.

    The first centre is the example nearest to the class mean, each next one the example farthest from those
    before (greedy k-center; Gonzalez, 1985: at most twice the best radius). ``ccp.k_center`` is the same
    search for classes of equal size, from given centres.

    Args:
      embeddings: [num_examples, embedding_size].
      labels: [num_examples].
      most_centers: at least 1.

    Returns:
      [classes that have examples, most_centers], in label order; falling along the rows, to 0 where there are as
      many centres as examples.
    """
    rows = []
    for _, own in _by_class(embeddings, labels):
        nearest = cdist(own, own[[np.square(own - own.mean(axis=0)).sum(axis=1).argmin()]])[:, 0]
        radii = [nearest.max()]
        for _ in range(most_centers - 1):
            nearest = np.minimum(nearest, cdist(own, own[[nearest.argmax()]])[:, 0])
            radii.append(nearest.max())
        rows.append(radii)
    return np.array(rows)


def class_distances(embeddings: np.ndarray, labels: np.ndarray) -> tuple[float | None, float | None]:
    """The mean and the smallest Euclidean distance between the means of two classes, over all pairs of classes.

    The means are of the embeddings as they are and are not normalised again.

    Args:
      embeddings: [num_examples, embedding_size].
      labels: [num_examples].

    Returns:
      Mean and minimum; None for both where there is one class.
    """
    means = np.stack([own.mean(axis=0) for _, own in _by_class(embeddings, labels)])
    if len(means) < 2:
        return None, None
    total, smallest = 0.0, np.inf
    for start in range(0, len(means) - 1, _BLOCK_ROWS):  # Ten thousand classes' distances would fill 1 GB at once.
        block = cdist(means[start : start + _BLOCK_ROWS], means[start:])
        once = block[np.triu_indices(len(block), k=1, m=block.shape[1])]
        total, smallest = total + once.sum(), min(smallest, once.min(initial=np.inf))
    return float(total / (len(means) * (len(means) - 1) / 2)), float(smallest)


def pair_distances(
    embeddings: np.ndarray, labels: np.ndarray, most_examples: int = 1000
) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean distances of all positive and of all negative pairs among the examples that ``spread`` picks.

    Args:
      embeddings: [num_examples, embedding_size].
      labels: [num_examples].
      most_examples: more are thinned out.

    Returns:
      Distances of positive pairs, and of negative pairs, each pair once.
    """
    chosen = spread(labels, most_examples)
    points, classes = np.asarray(embeddings, np.float64)[chosen], labels[chosen]
    squared = np.square(points).sum(axis=1)
    first, second = np.triu_indices(len(chosen), k=1)
    matrix = squared[:, np.newaxis] + squared[np.newaxis] - 2.0 * points @ points.T
    distances = np.sqrt(np.maximum(matrix[first, second], 0.0))
    same = classes[first] == classes[second]
    return distances[same], distances[~same]


def spread(labels: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` examples, evenly spaced within evenly spaced classes: each with 10 or else all it has.

    Of many small classes some are taken whole; spread over all of them, hardly two examples would be of one class.

    Args:
      labels: [num_examples].
      most: the number of examples.

    Returns:
      Their indices, ascending.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    present = np.unique(labels)
    classes = present[_evenly(len(present), max(1, most // _FEWEST_PER_CLASS))]
    of_class = [np.flatnonzero(labels == label) for label in classes]
    return np.sort(np.concatenate([own[_evenly(len(own), most // len(classes))] for own in of_class]))


def _evenly(count: int, most: int) -> np.ndarray:
    """At most ``most`` of 0 … count − 1, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))


def _by_class(embeddings: np.ndarray, labels: np.ndarray):
    """Pairs of a label and its examples' embeddings, in label order."""
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    return zip(present, np.split(np.asarray(embeddings, np.float64)[order], starts[1:]))


def geometry_by_projection(projections: Sequence[Mapping[str, np.ndarray]]) -> list[dict[str, Any]]:
    """``geometry`` of the recorded training examples at each projection, with as many centres as proxies.

    ``projection`` is its index; ``radius_by_previous_proxies`` the radius before the proxies moved, None at the
    initialisation. Both radii are by the network as it was then. It is computed from the records, which are on disk
    before their epoch is saved: a run that is killed loses nothing of it.
    """
    measured = []
    for record in projections:
        embeddings, labels, proxies = record["embeddings"], record["labels"], record["proxies"]
        before = record.get("previous_proxies")
        measured.append(
            {
                "projection": int(record["index"]),
                "radius_by_previous_proxies": None if before is None else _mean_radius(embeddings, labels, before),
                **geometry(embeddings, labels, proxies, most_centers=proxies.shape[1]),
            }
        )
    return measured


def normalized(vectors: np.ndarray) -> np.ndarray:
    """``lipschitz_normalize`` in NumPy, [..., embedding_size]."""
    return vectors / np.maximum(1.0, np.linalg.norm(vectors, axis=-1, keepdims=True))


def _mean_radius(embeddings: np.ndarray, labels: np.ndarray, proxies: np.ndarray) -> float:
    """The mean of ``covering_radii`` over the classes that have examples."""
    return float(covering_radii(embeddings, labels, proxies)[np.unique(labels)].mean())
