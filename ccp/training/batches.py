"""Training batches, starting at any position."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import tensorflow as tf

from ccp.balanced_dataset import source_of
from ccp.errors import ConfigError

Batch = tuple[tf.Tensor, tf.Tensor]
# Called as ``batches(epoch, step)``: images and labels from that position on, without end.
BatchesFrom = Callable[[int, int], Iterator[Batch]]


def batches_from(batches: tf.data.Dataset | BatchesFrom, steps_per_epoch: int) -> BatchesFrom:
    """A function of the position in training.

    Args:
      batches: such a function, which is returned; or a dataset, which is repeated, and resumed by skipping the earlier
        batches. One that ``balanced_batches`` made skips nothing.
      steps_per_epoch: of the training.
    """
    if not isinstance(batches, tf.data.Dataset):
        return batches
    check_pairs(batches)
    source = source_of(batches)

    def from_position(epoch: int, step: int) -> Iterator[Batch]:
        position = epoch * steps_per_epoch + step
        return iter(source.from_step(position) if source else batches.repeat().skip(position))

    return from_position


def check_pairs(batches: tf.data.Dataset) -> None:
    """Refuses a dataset whose elements are not images and a class each.

    Raises:
      ConfigError: as with sample weights, which no loss of a whole batch can use, or one-hot labels.
    """
    spec = getattr(batches, "element_spec", None)
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise ConfigError(
            f"A dataset needs batches of (images, labels), without sample weights; got {spec or type(batches)}."
        )
    labels = spec[1]
    if isinstance(labels, tf.TensorSpec) and labels.shape.rank == 2 and labels.shape[1] not in (None, 1):
        raise ConfigError(
            f"A dataset needs labels of shape [batch] or [batch, 1], a class each; got {labels.shape}. For one-hot "
            "labels use dataset.map(lambda images, labels: (images, tf.argmax(labels, axis=1)))."
        )
