"""Which anchor-reference pairs are positive and which negative."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Pairs(NamedTuple):
    """Masks over a matrix of distances or similarities.

    Attributes:
      positives: [anchors, references] bool, same class.
      negatives: [anchors, references] bool, other class.
    """

    positives: tf.Tensor
    negatives: tf.Tensor


def as_labels(labels: tf.Tensor, num_rows: int | None = None) -> tf.Tensor:
    """Class labels as a vector.

    Keras passes [batch] labels to a loss as [batch, 1]; both are accepted. Labels stay integers (or strings):
    a cast to float32 would merge classes above 2**24.

    Args:
      labels: [batch] or [batch, 1], integers or strings.
      num_rows: the number of embeddings, where known.

    Returns:
      [batch] int64, or strings.

    Raises:
      TypeError: labels are floating-point numbers.
      ValueError: labels have another shape (one-hot labels, for example), or their number is not ``num_rows``.
    """
    labels = tf.convert_to_tensor(labels)
    if labels.dtype.is_floating:
        raise TypeError(
            f"Labels must be integers, one class number per example; got {labels.dtype.name}. "
            "Cast them with tf.cast(labels, tf.int64)."
        )
    if labels.shape.rank not in (None, 1) and not (labels.shape.rank == 2 and labels.shape[1] == 1):
        raise ValueError(
            f"Labels must be of shape [batch] or [batch, 1]; got {labels.shape}. "
            "For one-hot labels pass tf.argmax(labels, axis=1)."
        )
    labels = tf.reshape(labels, [-1])
    if labels.dtype.is_integer:
        # One type for all: a class beyond the range of a narrow type would wrap around to another.
        labels = tf.cast(labels, tf.int64)
    if None not in (num_rows, labels.shape[0]) and labels.shape[0] != num_rows:
        raise ValueError(f"Every embedding needs one label: got {labels.shape[0]} labels for {num_rows} embeddings.")
    return labels


def pairs_between(labels: tf.Tensor, reference_labels: tf.Tensor) -> Pairs:
    """Pairs of anchors with another set of references.

    Args:
      labels: [anchors], as ``as_labels`` returns them.
      reference_labels: [references], likewise.
    """
    positives = labels[:, tf.newaxis] == reference_labels[tf.newaxis, :]
    return Pairs(positives, tf.logical_not(positives))


def pairs_within(labels: tf.Tensor) -> Pairs:
    """Pairs of a batch with itself: an example is never its own pair, by index.

    Args:
      labels: [batch].
    """
    same_class = labels[:, tf.newaxis] == labels[tf.newaxis, :]
    positives = tf.linalg.set_diag(same_class, tf.zeros(tf.shape(labels), tf.bool))
    return Pairs(positives, tf.logical_not(same_class))


def exclude_copies(pairs: Pairs, own_copies: tf.Tensor) -> Pairs:
    """Pairs without those of an anchor with its own copy among the references.

    Args:
      pairs: [anchors, references].
      own_copies: [anchors], the index of that reference.
    """
    own_copies = tf.cast(own_copies, tf.int64)
    indices = tf.stack([tf.range(tf.size(own_copies, out_type=tf.int64)), own_copies], axis=1)
    excluded = tf.zeros(tf.shape(own_copies), tf.bool)
    return Pairs(*(tf.tensor_scatter_nd_update(mask, indices, excluded) for mask in pairs))
