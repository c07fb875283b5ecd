"""K-means with a fixed number of steps and no empty clusters."""

from __future__ import annotations

import tensorflow as tf

from ccp.distances import pairwise_squared_euclidean


def k_means(points: tf.Tensor, clusters: tf.Tensor, num_clusters: int, num_steps: int) -> tf.Tensor:
    """Lloyd's algorithm from given clusters: ``num_steps`` times the means, then the nearest means.

    Args:
      points: [points, embedding_size] float32.
      clusters: [points] int64, the cluster of each point at the start, none of them empty.
      num_clusters: at most as many as there are points.
      num_steps: at least 0.

    Returns:
      [points] int64, no cluster empty.
    """

    def lloyd_step(clusters):
        return (nearest_clusters(points, cluster_means(points, clusters, num_clusters)),)

    # A loop of the graph, which holds and traces one step instead of all.
    return tf.while_loop(lambda clusters: True, lloyd_step, (clusters,), maximum_iterations=num_steps)[0]


def cluster_means(points: tf.Tensor, clusters: tf.Tensor, num_clusters: int) -> tf.Tensor:
    """Means of the clusters of points [points, embedding_size]: [num_clusters, embedding_size]."""
    return tf.math.unsorted_segment_mean(points, clusters, num_clusters)


def nearest_clusters(points: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
    """The nearest centre of each point, the first one on ties; a cluster that would be empty gets a point.

    That point is the farthest from its centre among those that are not alone in their cluster, the first one on ties.

    Args:
      points: [points, embedding_size] float32.
      centers: [centers, embedding_size], at most as many as there are points.

    Returns:
      [points] int64, no cluster empty.
    """
    num_clusters = centers.shape[0]
    squared = pairwise_squared_euclidean(points, centers)
    nearest, to_nearest = tf.argmin(squared, axis=1), tf.reduce_min(squared, axis=1)

    def sizes(clusters):
        return tf.math.unsorted_segment_sum(tf.ones_like(clusters), clusters, num_clusters)

    def has_empty(clusters):
        return tf.reduce_any(tf.equal(sizes(clusters), 0))

    def fill_one_cluster(clusters):
        counts = sizes(clusters)
        movable = tf.gather(counts, clusters) > 1
        moved = tf.argmax(tf.where(movable, to_nearest, -1.0))
        return (tf.tensor_scatter_nd_update(clusters, [[moved]], [tf.argmin(counts)]),)

    # Each step fills one empty cluster, as the point that moves was not alone. The limit is for NaN among the points,
    # where no point is the farthest: the loop must end, so that the loss can show the NaN.
    return tf.while_loop(has_empty, fill_one_cluster, (nearest,), maximum_iterations=num_clusters)[0]
