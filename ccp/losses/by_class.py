"""From scores of [anchors, references] to scores of [anchors, classes]."""

from __future__ import annotations

import tensorflow as tf


def any_by_class(mask: tf.Tensor, class_of_reference: tf.Tensor, num_classes: tf.Tensor) -> tf.Tensor:
    """[anchors, references] mask to [anchors, classes]: whether any reference of the class is marked."""
    counts = tf.math.unsorted_segment_sum(tf.cast(tf.transpose(mask), tf.int32), class_of_reference, num_classes)
    return tf.transpose(counts > 0)


def largest_by_class(
    scores: tf.Tensor, usable: tf.Tensor, class_of_reference: tf.Tensor, num_classes: tf.Tensor
) -> tf.Tensor:
    """[anchors, references] scores to [anchors, classes]: the largest of the class's usable references.

    Classes without one have a score that is not to be used.
    """
    by_reference = tf.where(tf.transpose(usable), tf.transpose(scores), scores.dtype.min)
    return tf.transpose(tf.math.unsorted_segment_max(by_reference, class_of_reference, num_classes))
