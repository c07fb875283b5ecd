"""Embedding expansion with the triplet loss of hard pairs."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.hard_triplet import hard_triplets
from ccp.losses.mixing import on_sphere
from ccp.losses.npairs import paired_within_classes
from ccp.losses.within_batch import WithinBatchLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ExpandedTripletLoss(WithinBatchLoss):
    """Embedding expansion: the hard triplet loss, with synthetic points among the negatives.

    The examples of a class are paired in the order of the batch, the first with the second and so on. Between the two
    of a pair there are ``points`` synthetic ones, which divide their line evenly and are put on the unit sphere. The
    loss is that of ``HardTripletLoss``; the distance to a negative is the smallest between the example or a synthetic
    point of its pair and the negative or a synthetic point of that one's pair. Positives are real. An odd example has
    no synthetic points.

    Source: Ko and Gu, "Embedding Expansion: Augmentation in Embedding Space for Deep Metric Learning", CVPR 2020, with
    the hard triplet loss (HPHN).

    At hand: the authors' code.

    Departs: nothing known for this loss, whose pairs are the authors' if batches are sorted by class, with an even
    number of each. The paper also expands N-pair, lifted structure and multi-similarity losses, which their code and
    this one leave out.
    """

    margin: float = setting(
        0.2, "distance by which a positive has to be nearer than a negative (m)", at_least=0, at_most=2
    )
    points: int = setting(2, "synthetic points between the two examples of a pair (n)", at_least=1)
    name: str = "expanded_triplet"

    def compute_batch(self, anchors: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """One triplet of each of the batch [batch, embedding_size]."""
        batch, size = tf.shape(anchors)[0], self.points + 1
        points = tf.reshape(expanded(anchors, pairs, self.points), [batch * size, -1])
        apart = tf.reshape(distances.pairwise_euclidean(points), [batch, size, batch, size])
        nearest = tf.reduce_min(apart, axis=[1, 3])
        return hard_triplets(tf.where(pairs.negatives, nearest, apart[:, 0, :, 0]), pairs, self.margin)


def expanded(embeddings: tf.Tensor, pairs: Pairs, num_points: int) -> tf.Tensor:
    """Each embedding, normalised, and the synthetic points between it and its partner of the same class.

    Args:
      embeddings: [batch, embedding_size].
      pairs: masks of the batch with itself.
      num_points: at least 1.

    Returns:
      [batch, 1 + num_points, embedding_size] float32; copies of the embedding itself where it has no partner.
    """
    paired = paired_within_classes(pairs)
    paired = tf.logical_or(paired, tf.transpose(paired))
    own = distances.lipschitz_normalize(embeddings)[:, tf.newaxis]
    partner = tf.gather(own, tf.argmax(tf.cast(paired, tf.int32), axis=1))
    shares = (tf.range(num_points, dtype=tf.float32) + 1.0)[:, tf.newaxis] / (num_points + 1.0)
    between = on_sphere(shares * partner + (1.0 - shares) * own)
    has_partner = tf.reduce_any(paired, axis=1)[:, tf.newaxis, tf.newaxis]
    return tf.concat([own, tf.where(has_partner, between, own)], axis=1)
