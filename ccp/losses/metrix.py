"""Metric mixup."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.mixing import SMALLEST_SQUARED_NORM, draw_share
from ccp.losses.reductions import MEAN_OF_ACTIVE, check_margins, reduce_hinges
from ccp.losses.step_counter import StepCounter
from ccp.losses.within_batch import WithinBatchLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class MetrixLoss(WithinBatchLoss):
    """Metrix, mixup of embeddings: anchors against mixtures of a positive and a negative, beside another loss.

    A mixture v of share λ of a positive and 1 − λ of a negative, put on the unit sphere, is as much a positive and a
    negative of its anchor: mean over active mixtures of λ · (d(a, v) − pos_margin), plus mean over active ones of
    (1 − λ) · (neg_margin − d(a, v)), d Euclidean. There is one mixture for each anchor and negative, with the anchor's
    first positive in the batch or, in half of the steps, with the anchor itself. λ ~ Beta(α, α) is drawn once a batch.

    It regularises a contrastive loss and is added to one; the authors weight it by 0.4 (0.3 in the steps with the
    anchor itself), beside margins of 0 and 0.5.

    The draws are a function of the seed and of how often the loss has been called; that count is a variable.

    Source: Venkataramanan et al., "It Takes Two to Tango: Mixup for Deep Metric Learning", ICLR 2022, for embeddings
    and the contrastive loss.

    At hand: part of the authors' code.

    Departs: the paper also mixes images and feature maps, and mixes in the multi-similarity and ProxyAnchor losses. The
    authors' choice of terms to average was not at hand; active ones are those of the contrastive loss.

    Args:
      seed: of the draws.
    """

    pos_margin: float = setting(0.0, "distance below which a positive pair costs nothing (m₊)", at_least=0, at_most=2)
    neg_margin: float = setting(0.5, "distance beyond which a negative pair costs nothing (m₋)", at_least=0, at_most=2)
    mix_alpha: float = setting(2.0, "parameter of the Beta distribution that mixes positive and negative (α)", above=0)
    seed: int = 0
    name: str = "metrix"

    def __post_init__(self):
        super().__post_init__()
        check_margins(self.pos_margin, self.neg_margin)
        self.counter = StepCounter()

    def compute_batch(self, anchors: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """The mixed terms of the batch [batch, embedding_size]."""
        seeds = tf.random.experimental.stateless_split(self.counter.next_seed(self.seed), 2)
        with_itself = tf.random.stateless_uniform([], seeds[0]) < 0.5
        return self.mixed(anchors, pairs, draw_share(self.mix_alpha, seeds[1]), with_itself)

    def mixed(self, anchors: tf.Tensor, pairs: Pairs, share: tf.Tensor, with_itself: tf.Tensor) -> tf.Tensor:
        """The loss of given draws: λ, [] float32, and whether anchors are mixed themselves, [] bool."""
        vectors = distances.lipschitz_normalize(anchors)
        batch = tf.shape(vectors)[0]
        positive = tf.where(with_itself, tf.range(batch), tf.argmax(pairs.positives, axis=1, output_type=tf.int32))
        has_positive = tf.logical_or(with_itself, tf.reduce_any(pairs.positives, axis=1))
        mixable = tf.logical_and(pairs.negatives, has_positive[:, tf.newaxis])
        apart = _distances_to_mixtures(vectors, tf.gather(vectors, positive), share)
        pulls = tf.nn.relu(tf.where(mixable, apart - self.pos_margin, 0.0))
        pushes = tf.nn.relu(tf.where(mixable, self.neg_margin - apart, 0.0))
        pull, push = (reduce_hinges(hinges, MEAN_OF_ACTIVE) for hinges in (pulls, pushes))
        return share * pull + (1.0 - share) * push


def _distances_to_mixtures(anchors: tf.Tensor, positives: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Distances of each anchor to its mixtures with every other: [batch, batch], of [batch, embedding_size] each.

    From inner products, without the mixtures themselves: λ² p·p + (1 − λ)² n·n + 2 λ (1 − λ) p·n is the squared length
    of λ p + (1 − λ) n.
    """

    def own(first, second):
        return tf.reduce_sum(first * second, axis=1)

    to_negatives = distances.cosine_similarity(positives, anchors)
    squared = tf.square(share) * own(positives, positives)[:, tf.newaxis]
    squared += tf.square(1.0 - share) * own(anchors, anchors) + 2.0 * share * (1.0 - share) * to_negatives
    products = share * own(anchors, positives)[:, tf.newaxis] + (1.0 - share) * distances.cosine_similarity(anchors)
    scales = tf.math.rsqrt(tf.maximum(squared, SMALLEST_SQUARED_NORM))
    lengths = own(anchors, anchors)[:, tf.newaxis] + squared * tf.square(scales)
    return distances.square_root(lengths - 2.0 * products * scales)
