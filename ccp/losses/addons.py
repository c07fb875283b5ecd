"""TensorFlow Addons' metric-learning losses as baselines: of a batch against itself, over normalised embeddings."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import tensorflow as tf

from ccp import distances
from ccp.losses.pair_loss import PairLoss
from ccp.pairs import Pairs
from ccp.settings import setting


class AddonsLoss(PairLoss):
    """Base of the losses that TensorFlow Addons computes.

    The value is exactly 0 for a batch without a positive or without a negative pair, for which the losses of
    TensorFlow Addons are NaN or compare with a pair that does not exist.

    A subclass names the ``function`` of TensorFlow Addons, which takes its ``margin``.
    """

    function: ClassVar[str]

    def against(self, labels, embeddings, reference_labels, reference_embeddings, own_copies=None) -> tf.Tensor:
        """Always raises a ValueError: these losses take no other references."""
        raise ValueError(
            f"{type(self).__name__} compares a batch with itself and takes no other references; "
            "for proxies or a memory choose another pair loss."
        )

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """The loss of the normalised batch, if it has pairs of both kinds."""
        del references  # These are the anchors.
        embeddings = distances.lipschitz_normalize(anchors)
        # Numbered from 0: NPairs takes labels for float32 numbers, which would merge large ones.
        _, classes = tf.unique(reference_labels)
        comparable = tf.logical_and(tf.reduce_any(pairs.positives), tf.reduce_any(pairs.negatives))
        # A branch and not a mask, behind which the gradient of a NaN is still NaN.
        return tf.cond(
            comparable, lambda: self.batch_loss(classes, embeddings), lambda: 0.0 * tf.reduce_sum(embeddings)
        )

    def batch_loss(self, classes: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The loss of classes [batch], numbered from 0, and normalised embeddings [batch, embedding_size]."""
        return getattr(_addons(), self.function)(classes, embeddings, margin=self.margin)


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class SemiHardTripletLoss(AddonsLoss):
    """Triplet loss with semi-hard negatives (Schroff et al., CVPR 2015).

    Mean over positive pairs of (d(a, p) − d(a, n) + margin)+, where n is the nearest negative beyond p, or the
    farthest one if none is beyond. Departs from the paper: d is Euclidean and not squared.
    """

    margin: float = setting(
        0.2, "distance by which a positive has to be nearer than a negative (α)", at_least=0, at_most=2
    )
    name: str = "semi_hard_triplet"

    function = "triplet_semihard_loss"


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class HardTripletLoss(AddonsLoss):
    """Triplet loss with the hardest positive and negative of each anchor (Hermans et al., 2017, arXiv 1703.07737).

    Mean over anchors of (d(a, p) − d(a, n) + margin)+, d Euclidean, p the farthest positive and n the nearest negative.
    An anchor without a positive is its own positive, at distance 0.
    """

    margin: float = setting(
        0.2, "distance by which a positive has to be nearer than a negative (m)", at_least=0, at_most=2
    )
    name: str = "hard_triplet"

    function = "triplet_hard_loss"


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class LiftedStructureLoss(AddonsLoss):
    """Lifted structure (Oh Song et al., CVPR 2016, equation 4).

    Mean over positive pairs of (J+)²/2 with J = log(Σ exp(margin − d(a, n)) + Σ exp(margin − d(p, n))) + d(a, p), d
    Euclidean and the sums over the negatives of either end. Departs from the paper: embeddings are normalised.
    """

    margin: float = setting(
        1.0, "distance at which a negative weighs as much as a positive at 0 (α)", at_least=0, at_most=2
    )
    name: str = "lifted_structure"

    function = "lifted_struct_loss"


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class NPairsLoss(AddonsLoss):
    """N-pairs (Sohn, NIPS 2016, equation 6): the softmax over one positive and the positives of all other classes.

    The examples of each class are paired in the order of the batch, the first with the second, the third with the
    fourth; the first of a pair is the anchor, the second its positive, and an odd example is left out. Mean over
    anchors of the cross-entropy of their similarities to all positives. With 2 examples per class this is the paper's
    loss; with more, every positive of the anchor's class is a target of equal weight. Departs from the paper:
    embeddings are normalised, which replaces its penalty on their lengths.
    """

    name: str = "npairs"

    def batch_loss(self, classes: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """See the class; the arguments are those of the base."""
        anchors, positives = paired_within_classes(classes)
        similarities = distances.cosine_similarity(tf.gather(embeddings, anchors), tf.gather(embeddings, positives))
        return _addons().npairs_loss(tf.gather(classes, anchors), similarities)


def paired_within_classes(classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Disjoint pairs of one class each.

    Args:
      classes: [batch] int32, numbered from 0.

    Returns:
      Two [pairs] int32, the rows of the first and of the second of each pair; each class's in the order of the batch.
    """
    by_class = tf.argsort(classes, stable=True)
    with tf.device("CPU:0"):  # On a GPU it is not deterministic, and refuses where that is asked for.
        sizes = tf.math.bincount(classes)
    starts = tf.cumsum(sizes, exclusive=True)
    sorted_classes = tf.gather(classes, by_class)
    rank = tf.range(tf.size(classes)) - tf.gather(starts, sorted_classes)
    starts_a_pair = tf.logical_and(rank % 2 == 0, rank + 1 < tf.gather(sizes, sorted_classes))
    first = tf.where(starts_a_pair)[:, 0]
    return tf.gather(by_class, first), tf.gather(by_class, first + 1)


def _addons():
    from tensorflow_addons import losses  # Slow to import and loud: only where it is used.

    return losses
