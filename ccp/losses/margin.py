"""Margin loss with distance-weighted sampling."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.distance_weighted import FARTHEST_WEIGHTED, draw_by_weight, log_inverse_density
from ccp.losses.pair_loss import PairLoss
from ccp.losses.step_counter import StepCounter
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class MarginLoss(PairLoss):
    """Margin loss: a learned boundary for each class, and negatives drawn by their distance.

    d(a, p) has to stay below β − margin and d(a, n) above β + margin, d Euclidean, with a learnable boundary β
    for the anchor's class. All positive pairs count; for each of them one negative of its anchor is drawn, with
    replacement, with probability in proportion to 1/q(d) (``log_inverse_density``). The loss is

    (Σ (margin + d(a, p) − β)+ + Σ (margin + β − d(a, n))+) / number of terms above 0 + boundary_weight · mean β,

    one quotient for both kinds as in the authors' code; an anchor without a negative keeps its positive pairs.

    Negatives beyond boundary + margin, which cost nothing at the start, are drawn only for an anchor that has no
    nearer ones; the authors' constant of 1.4 is that sum at the defaults.

    The draws are a function of the seed and of how often the loss has been called. That count and the boundaries
    are variables, which ``ccp.CCPModel`` and ``ccp.Trainer`` train and save.

    Source: Wu et al., "Sampling Matters in Deep Embedding Learning", ICCV 2017, section 4.

    Departs: distances are those of ``lipschitz_normalize``d vectors, for which q is the density only outside the unit
    ball; the mean β is over all anchors with a positive, as in the original CCP code; there is no boundary per image.

    Args:
      num_classes: classes, labelled 0 … num_classes − 1; None has one boundary for all, and takes any labels.
      seed: of the draws.
    """

    margin: float = setting(0.2, "distance kept on either side of the boundary (α)", at_least=0, at_most=2)
    boundary: float = setting(1.2, "distance at which the learned boundaries start (β)", above=0, at_most=2)
    boundary_weight: float = setting(0.0, "pull of the boundaries towards 0 (ν)", at_least=0)
    cutoff: float = setting(0.5, "distance that nearer negatives are drawn as if they had", above=0, below=2**0.5)
    num_classes: int | None = None
    seed: int = 0
    name: str = "margin"

    def __post_init__(self):
        super().__post_init__()
        if self.num_classes is not None and self.num_classes < 1:
            raise ValueError(
                f"num_classes must be at least 1, or None for one boundary for all; got {self.num_classes}."
            )
        self.boundaries = ClassBoundaries(self.num_classes or 1, self.boundary)
        self.counter = StepCounter()

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """Both hinges, over all positives and over the negatives drawn for them."""
        distances = self.compare(anchors, references)
        boundary = self._anchor_boundaries(reference_labels, pairs)[:, tf.newaxis]
        drawn, counted = self._draw(distances, pairs, tf.shape(anchors)[1])
        pulls = tf.nn.relu(tf.where(pairs.positives, self.margin + distances - boundary, 0.0))
        far_enough = tf.gather(distances, drawn, batch_dims=1) - boundary
        pushes = tf.nn.relu(tf.where(counted, self.margin - far_enough, 0.0))
        active = tf.math.count_nonzero(pulls > 0.0) + tf.math.count_nonzero(pushes > 0.0)
        # Not divide_no_nan, which would turn a NaN total into 0.
        loss = (tf.reduce_sum(pulls) + tf.reduce_sum(pushes)) / tf.maximum(tf.cast(active, tf.float32), 1.0)
        if self.boundary_weight:
            used = tf.cast(tf.reduce_any(pairs.positives, axis=1, keepdims=True), tf.float32)
            loss += self.boundary_weight * tf.math.divide_no_nan(tf.reduce_sum(boundary * used), tf.reduce_sum(used))
        return loss

    def _anchor_boundaries(self, reference_labels, pairs):
        """The boundary of each anchor's class: [anchors]; of any class for anchors without a positive."""
        if self.num_classes is None:
            return tf.repeat(self.boundaries.values, tf.shape(pairs.positives)[0])
        if not reference_labels.dtype.is_integer:
            raise TypeError(
                f"Boundaries for {self.num_classes} classes need labels 0 … {self.num_classes - 1}; got "
                f"{reference_labels.dtype.name}. Number the classes, or leave num_classes out."
            )
        # A boundary matters only where there are positives, and those have the anchor's class.
        first_positive = tf.argmax(tf.cast(pairs.positives, tf.int32), axis=1)
        # Through a reshape the gradient is dense, as the trainer's transforms of it need.
        return tf.gather(tf.reshape(self.boundaries.values, [-1]), tf.gather(reference_labels, first_positive))

    def _draw(self, distances, pairs, embedding_size):
        """One negative for each positive: columns [anchors, most_positives], and which of them count."""
        near = tf.logical_and(pairs.negatives, distances < min(self.boundary + self.margin, FARTHEST_WEIGHTED))
        candidates = tf.where(tf.reduce_any(near, axis=1, keepdims=True), near, pairs.negatives)
        positives = tf.math.count_nonzero(pairs.positives, axis=1, dtype=tf.int32)
        most_positives = tf.reduce_max(positives)
        log_weights = log_inverse_density(distances, embedding_size, self.cutoff)
        drawn = draw_by_weight(log_weights, candidates, most_positives, self.counter.next_seed(self.seed))
        has_negative = tf.reduce_any(pairs.negatives, axis=1, keepdims=True)
        return drawn, tf.logical_and(tf.sequence_mask(positives, most_positives), has_negative)


class ClassBoundaries(tf.keras.layers.Layer):
    """What a margin loss learns.

    Attributes:
      values: the boundaries, [num_classes] float32, trainable.

    Args:
      num_classes: boundaries.
      start: where they start.
    """

    def __init__(self, num_classes: int, start: float, name: str = "class_boundaries"):
        super().__init__(name=name, dtype="float32")  # Under a mixed-precision policy too: losses compute in float32.
        start_at = tf.keras.initializers.Constant(start)
        self.values = self.add_weight(name="values", shape=(num_classes,), initializer=start_at)
