"""Agreement of k-means clusters of the embeddings with the classes."""

from __future__ import annotations

import numpy as np

# Examples × clusters × embedding size, above which plain k-means takes minutes.
_MOST_WORK = 10**10


def k_means_clusters(embeddings: np.ndarray, number: int, seed: int = 0) -> tuple[np.ndarray, str]:
    """Clusters of the embeddings.

    Args:
      embeddings: [num_examples, embedding_size].
      number: of clusters.
      seed: of the first centres: by k-means++ in plain k-means, which is run once; random examples in mini-batch
        k-means, which is taken where plain k-means would take minutes.

    Returns:
      [num_examples] clusters from 0, and how they were found.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans

    if embeddings.size * number <= _MOST_WORK:
        algorithm, method = "k-means", KMeans(number, n_init=1, random_state=seed)
    else:
        start = {"init": "random", "n_init": 1, "init_size": max(3 * 4096, number)}
        algorithm, method = "mini-batch k-means", MiniBatchKMeans(number, batch_size=4096, random_state=seed, **start)
    return method.fit_predict(embeddings), f"{algorithm}, {number} clusters, seed {seed}"


def nmi(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Mutual information over the arithmetic mean of both entropies.

    The field's papers use this one and the geometric one without saying which. Among many small classes it is high by
    chance alone.
    """
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(labels, clusters, average_method="arithmetic"))


def ami(labels: np.ndarray, clusters: np.ndarray) -> float:
    """NMI less what chance would give (Vinh et al., JMLR 2010), with the arithmetic mean."""
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(labels, clusters, average_method="arithmetic"))
