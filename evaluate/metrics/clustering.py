"""How well clusters of the embeddings agree with the classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

# Examples × clusters × embedding size of an iteration, above which plain k-means takes minutes.
_MOST_WORK = 10**10


def cluster_agreement(embeddings: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """NMI and AMI of the labels and of as many k-means clusters as there are classes.

    - ``nmi``: mutual information over the *arithmetic mean* of both entropies (the field's papers use this one
      and the geometric one without telling). Among many small classes it is high by chance alone.
    - ``ami``: the same less what chance would give (Vinh et al., JMLR 2010), arithmetic mean again.

    Args:
      embeddings: [num_examples, embedding_size].
      labels: [num_examples].
      seed: of the clusters' start: k-means++ in plain k-means, which is run once; random examples in mini-batch
        k-means, which is taken where plain k-means would take minutes.

    Returns:
      The two, and ``algorithm``, ``num_clusters`` and ``seed``.
    """
    number = len(np.unique(labels))
    if len(embeddings) * number * embeddings.shape[1] <= _MOST_WORK:
        algorithm, method = "k-means", KMeans(number, n_init=1, random_state=seed)
    else:
        algorithm = "mini-batch k-means"
        method = MiniBatchKMeans(
            number, init="random", n_init=1, batch_size=4096, init_size=max(3 * 4096, number), random_state=seed
        )
    clusters = method.fit_predict(np.asarray(embeddings, np.float64 if embeddings.dtype == np.float64 else np.float32))
    return {
        "nmi": float(normalized_mutual_info_score(labels, clusters, average_method="arithmetic")),
        "ami": float(adjusted_mutual_info_score(labels, clusters, average_method="arithmetic")),
        "algorithm": algorithm,
        "num_clusters": number,
        "seed": seed,
    }
