"""The theory's own numbers: how tightly proxies cover their classes."""

from __future__ import annotations

import numpy as np


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
    for label, own_proxies in enumerate(proxies):
        own = embeddings[labels == label]
        if len(own):
            distances = np.linalg.norm(own[:, np.newaxis] - own_proxies[np.newaxis], axis=2)
            radii[label] = distances.min(axis=1).max()
    return radii


def pair_distances(
    embeddings: np.ndarray, labels: np.ndarray, most_examples: int = 1000
) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean distances of all positive and of all negative pairs among evenly spaced examples.

    Args:
      embeddings: [num_examples, embedding_size].
      labels: [num_examples].
      most_examples: more are thinned out evenly, in order.

    Returns:
      Distances of positive pairs, and of negative pairs, each pair once.
    """
    chosen = np.unique(np.linspace(0, len(labels) - 1, min(most_examples, len(labels))).astype(int))
    points, classes = np.asarray(embeddings, np.float64)[chosen], labels[chosen]
    squared = np.square(points).sum(axis=1)
    first, second = np.triu_indices(len(chosen), k=1)
    matrix = squared[:, np.newaxis] + squared[np.newaxis] - 2.0 * points @ points.T
    distances = np.sqrt(np.maximum(matrix[first, second], 0.0))
    same = classes[first] == classes[second]
    return distances[same], distances[~same]
