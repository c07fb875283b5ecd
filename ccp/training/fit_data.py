"""Images and labels in the forms that Keras' ``fit`` and ``evaluate`` take."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ccp.balanced_dataset import balanced_batches, source_of
from ccp.training.batches import check_pairs

_BATCH_SIZE = 32  # Keras' own.


def refuse_weights(arguments: dict[str, Any]) -> None:
    """Raises a ValueError if there are weights of samples or classes among the arguments."""
    for name in ("sample_weight", "class_weight"):
        if arguments.get(name) is not None:
            raise ValueError(f"Losses and scores are of whole sets of images; leave {name} out.")


def training_data(x: Any, y: Any, validation_split: float) -> tf.data.Dataset:
    """A dataset of the (images, labels) that are trained with; of arrays, one to draw candidates from.

    Args:
      x: a dataset, which is returned; or images.
      y: labels, where ``x`` is images.
      validation_split: share of images and labels, at their end, that is not trained with.

    Raises:
      TypeError: there are neither labels nor a dataset.
      ConfigError: the dataset's elements are not images and a class each.
    """
    if y is not None:
        end = int(len(x) * (1.0 - validation_split))
        x = balanced_batches(x[:end], y[:end], classes=1, per_class=1)
    if not isinstance(x, tf.data.Dataset):
        raise TypeError(f"fit needs a tf.data.Dataset, or images and labels; got {type(x).__name__}.")
    check_pairs(x)
    return x


def first_images(data: tf.data.Dataset) -> tf.Tensor:
    """Images [batch, …] to build a network with; ``balanced_batches`` does not advance to its next epoch for them."""
    source = source_of(data)
    return next(iter(data if source is None else source.from_step(0)))[0]


def from_epoch(data: tf.data.Dataset, epoch: int, steps_per_epoch: int | None) -> tf.data.Dataset:
    """The dataset from an epoch on, if ``balanced_batches`` made it; any other begins anew."""
    source = source_of(data)
    if source is None:
        return data
    return source.from_step(epoch * steps_per_epoch) if steps_per_epoch else source.each_epoch(epoch)


def evaluation_batches(x: Any, y: Any, batch_size: int | None, steps: int | None) -> tf.data.Dataset:
    """Batches of (images, labels): the first ``steps``, or all if None; see ``training_data`` for the rest.

    Raises:
      ConfigError: the dataset's elements are not images and a class each.
    """
    batches = x if y is None else tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size or _BATCH_SIZE)
    check_pairs(batches)
    return batches if steps is None else batches.take(steps)
