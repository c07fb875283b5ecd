"""The retrieval scores that a training is monitored by."""

from __future__ import annotations

import numpy as np

from ccp.errors import ConfigError, TrainingError
from ccp.labels import class_labels

_VALUES_IN_A_BLOCK = 2**24


def retrieval_scores(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """MAP@R, R-precision and P@1 by Euclidean distance; every embedding searches all others.

    With R the number of other embeddings of the query's class, means over the queries with R > 0 of

    - ``map_at_r``: the precision at each hit among the R nearest, summed, over R;
    - ``r_precision``: the hits among the R nearest, over R;
    - ``precision_at_1``: whether the nearest is a hit.

    (Musgrave et al., "A Metric Learning Reality Check", ECCV 2020.) Ties go to the
    smaller index. Distances are computed in float64, a block of queries at a time.

    Args:
      embeddings: [num, embedding_size], as they are compared.
      labels: [num] or [num, 1] integers, booleans or strings.

    Raises:
      TrainingError: an embedding is not finite.
      ConfigError: no class has two embeddings, or labels are of another kind, such as one-hot.
    """
    embeddings = np.asarray(embeddings, np.float64)
    labels = class_labels(labels, len(embeddings), "Validation")
    if not np.isfinite(embeddings).all():
        raise TrainingError("Embeddings are not finite; training has diverged. Lower the learning rate.")
    _, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    num_relevant = sizes[classes] - 1  # R
    queries = np.flatnonzero(num_relevant)
    if not len(queries):
        raise ConfigError("Retrieval needs a class of at least two images; the validation set has none.")
    squares = np.square(embeddings).sum(axis=1)
    block = max(1, _VALUES_IN_A_BLOCK // len(embeddings))
    means = [
        _scores(embeddings, squares, classes, num_relevant, queries[begin : begin + block])
        for begin in range(0, len(queries), block)
    ]
    totals = np.concatenate(means, axis=1).mean(axis=1)
    return dict(zip(("map_at_r", "r_precision", "precision_at_1"), totals.tolist()))


def _scores(
    embeddings: np.ndarray, squares: np.ndarray, classes: np.ndarray, num_relevant: np.ndarray, queries: np.ndarray
) -> np.ndarray:
    """[3, queries]: MAP@R, R-precision and P@1 of each query."""
    distances = squares - 2.0 * embeddings[queries] @ embeddings.T  # The query's own square changes no order.
    distances[np.arange(len(queries)), queries] = np.inf  # No embedding finds itself.
    relevant = num_relevant[queries, np.newaxis]
    ranked = np.argsort(distances, axis=1, kind="stable")[:, : relevant.max()]
    ranks = np.arange(1, ranked.shape[1] + 1)
    hits = (classes[ranked] == classes[queries, np.newaxis]) & (ranks <= relevant)
    precisions = np.cumsum(hits, axis=1) / ranks
    return np.stack(
        [(precisions * hits).sum(axis=1) / relevant[:, 0], hits.sum(axis=1) / relevant[:, 0], hits[:, 0].astype(float)]
    )
