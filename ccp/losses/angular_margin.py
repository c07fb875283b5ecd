"""ArcFace and CosFace: softmax over classes with a margin, and their sub-centre variants."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from ccp import distances
from ccp.losses.by_class import any_by_class, largest_by_class
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_sum_exp, mean_over
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ArcFaceLoss(PairLoss):
    """ArcFace: cross-entropy over classes at ``scale``, with cos(θ + margin) for the own class.

    The references are proxies of the classes. With several of a class, its similarity is that to the nearest one, as in
    sub-centre ArcFace. Beyond θ = π − margin, where cos(θ + margin) would rise again, it is
    cos θ − margin · sin(margin) instead, as in the authors' code. Anchors without a reference of their class have no
    term.

    Source: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019, equation 3, and
    "Sub-center ArcFace: Boosting Face Recognition by Large-Scale Noisy Web Faces", ECCV 2020, equation 4.

    Departs: vectors inside the unit ball are not stretched to length 1 (``lipschitz_normalize``): θ is the arc cosine
    of the similarity.
    """

    scale: float = setting(64.0, "scale of the logits (s)", above=0)
    margin: float = setting(0.5, "angle that is added to that to the own class, radians (m)", at_least=0, at_most=1.5)
    name: str = "arcface"

    compare = staticmethod(distances.normalized_similarity)

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """Cross-entropy over classes."""

        def with_margin(cosine):
            shifted = cosine * math.cos(self.margin) - sine_of(cosine) * math.sin(self.margin)
            beyond = cosine - self.margin * math.sin(self.margin)
            return tf.where(cosine > -math.cos(self.margin), shifted, beyond)

        scores = self.compare(anchors, references)
        return _cross_entropy(scores, reference_labels, pairs, self.scale, with_margin)


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class CosFaceLoss(PairLoss):
    """CosFace: cross-entropy over classes at ``scale``, with cos θ − margin for the own class.

    Source: Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018, equation 4.

    Departs: several references of a class, and vectors inside the unit ball, are as in ``ArcFaceLoss``.
    """

    scale: float = setting(64.0, "scale of the logits (s)", above=0)
    margin: float = setting(0.35, "margin taken off the similarity to the own class (m)", at_least=0, at_most=2)
    name: str = "cosface"

    compare = staticmethod(distances.normalized_similarity)

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """Cross-entropy over classes."""
        scores = self.compare(anchors, references)
        return _cross_entropy(scores, reference_labels, pairs, self.scale, lambda cosine: cosine - self.margin)


def sine_of(cosine: tf.Tensor) -> tf.Tensor:
    """The sines of angles from 0 to π, of the same shape; the gradient where one is 0 is 0."""
    return distances.square_root(1.0 - tf.square(cosine))


def _cross_entropy(
    scores: tf.Tensor,
    reference_labels: tf.Tensor,
    pairs: Pairs,
    scale: float,
    with_margin: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Mean over anchors of the cross-entropy over classes, whose own similarity ``with_margin`` replaces."""
    classes, class_of_reference = tf.unique(reference_labels)
    num_classes, usable = tf.size(classes), tf.logical_or(pairs.positives, pairs.negatives)
    present = any_by_class(usable, class_of_reference, num_classes)
    own = any_by_class(pairs.positives, class_of_reference, num_classes)
    similarities = tf.where(present, largest_by_class(scores, usable, class_of_reference, num_classes), 0.0)
    own_logit = scale * with_margin(tf.reduce_sum(tf.where(own, similarities, 0.0), axis=1))
    logits = tf.where(own, own_logit[:, tf.newaxis], scale * similarities)
    return mean_over(log_sum_exp(logits, present) - own_logit, tf.reduce_any(own, axis=1))
