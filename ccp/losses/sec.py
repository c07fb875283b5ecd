"""Spherical embedding constraint."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.keras_api import replicated_zeros
from ccp.losses.within_batch import WithinBatchLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class SphericalConstraintLoss(WithinBatchLoss):
    """SEC, the spherical embedding constraint: pulls lengths to their mean, beside another loss.

    Mean over the batch of (length − mean length)², of the network's outputs before normalisation; no gradient goes
    through the mean. It regularises another loss and is added to one: alone it learns nothing about classes. With
    ``length_momentum`` below 1 the mean is a running one, length_momentum · the batch's + (1 − length_momentum) · old;
    it starts as the first batch's and includes the current one.

    Source: Zhang et al., "Deep Metric Learning with Spherical Embedding", NeurIPS 2020.

    At hand: the authors' code, which weights it by 1 beside the triplet loss.

    Departs: nothing known; with a loss of this package the other term sees vectors of length at most 1
    (``lipschitz_normalize``) where the authors' is scaled to length 1.
    """

    length_momentum: float = setting(1.0, "share of the batch in the running mean length (ρ)", above=0, at_most=1)
    name: str = "sec"

    def __post_init__(self):
        super().__post_init__()
        self.running = RunningMean(self.length_momentum) if self.length_momentum < 1.0 else None

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """The variance of the lengths of [batch, embedding_size] around their mean; labels do not matter."""
        lengths = distances.square_root(tf.reduce_sum(tf.square(anchors), axis=1))
        mean = tf.stop_gradient(tf.reduce_mean(lengths))
        if self.running is not None:
            mean = self.running.updated(mean)
        return tf.reduce_mean(tf.square(lengths - mean))


class RunningMean(tf.keras.layers.Layer):
    """A mean over steps that forgets.

    Attributes:
      value: the variable, [] float32; 0 before the first step.

    Args:
      momentum: share of each new value.
    """

    def __init__(self, momentum: float, name: str = "running_mean"):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.momentum = momentum
        self.value = replicated_zeros(self, "value", ())

    def updated(self, new: tf.Tensor) -> tf.Tensor:
        """The mean after ``new`` [], which is above 0 unless there is nothing to average."""
        old = tf.identity(self.value)
        kept = tf.where(old > 0.0, self.momentum * new + (1.0 - self.momentum) * old, new)
        self.value.assign(kept)
        return kept
