"""Greedy k-center, for all classes at once."""

from __future__ import annotations

import tensorflow as tf


def greedy_k_center(
    candidates: tf.Tensor, initial_centers: tf.Tensor, num_centers: int, normalize: bool = False
) -> tf.Tensor:
    """Picks, for each class, the candidates that cover it best (Gonzalez, 1985; CCP, algorithm 1).

    Repeats ``num_centers`` times: pick the candidate with the largest distance to its nearest centre, the initial
    centres included; the first one on ties. The initial centres are not returned.

    Distances are computed from differences, not from inner products, so that a candidate is at exactly 0 from
    itself and ties are exact.

    Args:
      candidates: [num_classes, num_candidates, embedding_size].
      initial_centers: [num_classes, num_initial, embedding_size], num_initial at least 1.
      num_centers: how many to pick per class, at most num_candidates.
      normalize: distances between unit vectors; the centres returned are the candidates as they were.

    Returns:
      [num_classes, num_centers, embedding_size], the candidates' dtype.

    Raises:
      ValueError: shapes do not fit, or a class has fewer candidates than centres to pick.
    """
    candidates = tf.convert_to_tensor(candidates)
    initial_centers = tf.convert_to_tensor(initial_centers, candidates.dtype)
    _check_shapes(candidates.shape, initial_centers.shape, num_centers)
    points = tf.math.l2_normalize(candidates, axis=-1) if normalize else candidates
    starts = tf.math.l2_normalize(initial_centers, axis=-1) if normalize else initial_centers

    def nearest_after(nearest, center):
        return tf.minimum(nearest, tf.reduce_sum(tf.square(points - center), axis=-1))

    nearest = tf.fill(tf.shape(points)[:2], points.dtype.max)  # [num_classes, num_candidates]
    for start in range(starts.shape[1]):
        nearest = nearest_after(nearest, starts[:, start : start + 1])
    chosen = []
    for _ in range(num_centers):
        farthest = tf.argmax(nearest, axis=1)[:, tf.newaxis]
        chosen.append(farthest)
        nearest = nearest_after(nearest, tf.gather(points, farthest, batch_dims=1))
    return tf.gather(candidates, tf.concat(chosen, axis=1), batch_dims=1)


def _check_shapes(candidates: tf.TensorShape, initial_centers: tf.TensorShape, num_centers: int) -> None:
    for what, shape in (("candidates", candidates), ("initial_centers", initial_centers)):
        if shape.rank != 3 or shape[1] is None or shape[1] < 1:
            raise ValueError(f"{what} must be of shape [num_classes, at least 1, embedding_size]; got {shape}.")
    if not (candidates[0:1].is_compatible_with(initial_centers[0:1]) and candidates[2:] == initial_centers[2:]):
        raise ValueError(
            f"candidates {candidates} and initial_centers {initial_centers} differ in classes or embedding size."
        )
    if not 1 <= num_centers <= candidates[1]:
        raise ValueError(
            f"Cannot pick {num_centers} centres from {candidates[1]} candidates per class; enlarge the pool."
        )
