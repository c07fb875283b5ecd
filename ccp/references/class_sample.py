"""A sample of the classes, for class proxies of a great many."""

from __future__ import annotations

import tensorflow as tf


def sampled_classes(labels: tf.Tensor, num_classes: int, share: float, seed: tf.Tensor) -> tf.Tensor:
    """The classes of a batch, and others at random without repeats (Partial FC, An et al., CVPR 2022, section 3.1).

    Args:
      labels: [batch] int64, each from 0 to num_classes − 1.
      num_classes: how many there are to choose from.
      share: of the classes that is sampled, the batch's among them; above 0, at most 1. Of a small share there are as
        many as the batch has examples, so that all of its classes are among them.
      seed: [2] integers; the draw is a function of it.

    Returns:
      [sampled] int32, in no order.
    """
    count = tf.maximum(max(1, round(share * num_classes)), tf.minimum(tf.size(labels), num_classes))
    ranks = tf.random.stateless_uniform([num_classes], seed)
    of_batch = tf.fill(tf.shape(labels), 2.0)  # Above all that are drawn.
    return tf.math.top_k(tf.tensor_scatter_nd_update(ranks, labels[:, tf.newaxis], of_batch), count, sorted=False)[1]
