"""SoftTriple loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.by_class import any_by_class
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_sum_exp, mean_over
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class SoftTripleLoss(PairLoss):
    """SoftTriple: a softmax over classes that have several centres each.

    The references are the centres; their labels are their classes, in any order and number. They are normalised to unit
    length, as in the paper. Similarity to a class is the softmax(s / gamma)-weighted mean over its centres; the loss is
    the cross-entropy at ``scale`` with ``margin`` off the true class, plus ``tau`` times the distances between centres
    of one class, Σ over unordered pairs of sqrt(max(0, 2 − 2 c·c')) / (C K (K − 1)), which lets surplus centres merge;
    equal centres are at 0. With unequal K the denominator is the number of ordered pairs.

    Source: Qian et al., "SoftTriple Loss: Deep Metric Learning Without Triplet Sampling", ICCV 2019, equations 6 to 9.

    Departs: embeddings are ``lipschitz_normalize``d, as with all losses here: inside the unit ball they are not
    stretched.

    Args:
      unit_centers: False leaves centres inside the unit ball too (``lipschitz_normalize``), as the original CCP code's
        values were recorded; there the merging term is not 0 where centres coincide.
    """

    scale: float = setting(20.0, "scale of the cross-entropy's logits (λ)", above=0)
    gamma: float = setting(0.1, "temperature of the softmax over a class's centres (γ)", above=0)
    margin: float = setting(0.01, "margin taken off the similarity to the true class (δ)", at_least=0, at_most=2)
    tau: float = setting(0.2, "weight of the distances between centres of a class (τ)", at_least=0)
    unit_centers: bool = True
    name: str = "soft_triple"

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """Cross-entropy over classes, plus the merging of centres."""
        classes, class_of_reference = tf.unique(reference_labels)
        num_classes = tf.size(classes)
        centers = anchors if references is None else references
        normalized = _unit_length(centers) if self.unit_centers else distances.lipschitz_normalize(centers)
        similarities, present = _class_similarities(
            distances.cosine_similarity(distances.lipschitz_normalize(anchors), normalized),
            tf.logical_or(pairs.positives, pairs.negatives),
            class_of_reference,
            num_classes,
            self.gamma,
        )
        own = any_by_class(pairs.positives, class_of_reference, num_classes)
        logits = self.scale * (similarities - self.margin * tf.cast(own, tf.float32))
        # Anchors without a centre of their own class (a class of one in a batch against itself) have no term.
        own_logit = tf.reduce_sum(tf.where(own, logits, 0.0), axis=1)
        loss = mean_over(log_sum_exp(logits, present) - own_logit, tf.reduce_any(own, axis=1))
        if self.tau:
            hashes = distances.row_hashes(centers)
            loss += self.tau * _spread_within_classes(normalized, hashes, class_of_reference, num_classes)
        return loss


def _unit_length(vectors):
    """Divided by their lengths; vectors shorter than 1e-6, which have no direction to speak of, by 1e-6."""
    return tf.math.l2_normalize(vectors, axis=1, epsilon=1e-12)


def _class_similarities(similarities, usable, class_of_reference, num_classes, gamma):
    """Softmax-weighted mean similarity of each anchor to each class: [anchors, classes], and which exist."""
    by_reference = tf.where(tf.transpose(usable), tf.transpose(similarities) / gamma, similarities.dtype.min)
    largest = tf.stop_gradient(tf.math.unsorted_segment_max(by_reference, class_of_reference, num_classes))
    weights = tf.exp(by_reference - tf.gather(largest, class_of_reference))
    weights = tf.where(tf.transpose(usable), weights, 0.0)
    total = tf.math.unsorted_segment_sum(weights, class_of_reference, num_classes)
    weighted = tf.math.unsorted_segment_sum(weights * tf.transpose(similarities), class_of_reference, num_classes)
    # By the mask and not by the total, which is NaN if an embedding is: the loss must show that.
    present = any_by_class(usable, class_of_reference, num_classes)
    return tf.transpose(weighted) / tf.where(present, tf.transpose(total), 1.0), present


def _spread_within_classes(centers, hashes, class_of_center, num_classes):
    """Σ over unordered pairs of a class's centres of sqrt(max(0, 2 − 2 c·c')), over the number of ordered pairs.

    Centres with equal hashes are at exactly 0, where rounding leaves some 1e-4.
    """
    order = tf.argsort(class_of_center, stable=True)

    def by_class(values):
        rows = tf.gather(class_of_center, order)
        return tf.RaggedTensor.from_value_rowids(tf.gather(values, order), rows, tf.cast(num_classes, tf.int32))

    dense, hashes = by_class(centers), by_class(hashes).to_tensor()  # [classes, most_centers] of each.
    sizes, dense = dense.row_lengths(), dense.to_tensor()
    exists = tf.sequence_mask(sizes, tf.shape(dense, out_type=sizes.dtype)[1])
    first, second = exists[:, :, tf.newaxis], exists[:, tf.newaxis, :]
    pairs = tf.linalg.band_part(tf.cast(tf.logical_and(first, second), tf.float32), 0, -1)
    pairs = tf.linalg.set_diag(pairs, tf.zeros(tf.shape(pairs)[:2]))
    squared = tf.nn.relu(2.0 - 2.0 * tf.matmul(dense, dense, transpose_b=True))
    differ = tf.logical_or(squared > distances.ROUNDING, hashes[:, :, tf.newaxis] != hashes[:, tf.newaxis, :])
    lengths = distances.square_root(tf.where(tf.logical_and(differ, pairs > 0.0), squared, 0.0))
    ordered_pairs = tf.cast(tf.reduce_sum(sizes * (sizes - 1)), tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(lengths), ordered_pairs)
