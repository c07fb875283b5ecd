"""Batches with the same number of images of each of their classes, for Keras and for the trainer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.class_draws import DRAW_EVENLY, DrawClasses
from ccp.errors import ConfigError
from ccp.labels import class_labels
from ccp.sampling import candidates_per_class, m_per_class

_POOL_BATCH = 64


def balanced_batches(
    examples: Any,
    labels: Any = None,
    *,
    classes: int = 8,
    per_class: int = 4,
    steps: int | None = None,
    seed: int = 0,
    draw: DrawClasses = DRAW_EVENLY,
    load: Callable[[tf.Tensor], tf.Tensor] | None = None,
    augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
) -> tf.data.Dataset:
    """An epoch of batches of ``per_class`` images of ``classes`` classes; another epoch each time it is iterated.

    Which images are drawn, and the seeds of ``augment``, are functions of (seed, epoch, position): see ``m_per_class``
    for the rule.

    Args:
      examples: [num, …] images, or whatever ``load`` takes, such as file names; or a finite ``tf.data.Dataset`` of
        (example, label), not batched, which is read once and kept in memory.
      labels: [num] or [num, 1] integers; None if ``examples`` is a dataset.
      classes: classes in a batch.
      per_class: images of each class in a batch.
      steps: batches in an epoch; by default the number of examples over the batch size.
      seed: everything random follows from it.
      draw: which classes are drawn when: ``DrawEvenly()``, ``DrawBySize(power)`` or ``DrawByGroup(groups)``, with the
        groups of the sorted labels.
      load: from an example to an image, in TensorFlow operations.
      augment: from an image and a seed, [2] int64 for TensorFlow's stateless operations, to an image.

    Returns:
      A dataset of (images [classes · per_class, …], labels [classes · per_class] int64), with a known cardinality.

    Raises:
      ConfigError: examples and labels do not match, or the labels have too few classes for such batches.
    """
    source = BalancedBatches(examples, labels, classes, per_class, steps, seed, draw, load, augment)
    return source.each_epoch()


def source_of(dataset: Any) -> BalancedBatches | None:
    """What drew the batches of a dataset, if ``balanced_batches`` made it."""
    return getattr(dataset, "balanced_batches", None)


class BalancedBatches:
    """Draws balanced batches from any step on, and pools of candidates; the arguments of ``balanced_batches``.

    Attributes:
      steps: batches in an epoch.
    """

    def __init__(self, examples, labels, classes, per_class, steps, seed, draw, load, augment):
        self._examples, self._labels = _in_memory(examples, labels)
        self._classes, self._per_class, self._seed = classes, per_class, seed
        self._draw, self._load, self._augment = draw, load, augment
        self._batch_size = classes * per_class
        self.steps = steps or max(1, len(self._labels) // self._batch_size)
        _, self._classes_of = np.unique(self._labels, return_inverse=True)
        self._indices(0)  # Here, and not when the first batch is drawn, too few classes are refused.

    def each_epoch(self, first: int = 0) -> tf.data.Dataset:
        """A dataset of one epoch: ``first``, and the next one each time it is iterated."""
        epochs = itertools.count(first)

        def rows() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            yield from self._rows(next(epochs))

        dataset = self._loaded(rows, self._batch_size).apply(tf.data.experimental.assert_cardinality(self.steps))
        dataset.balanced_batches = self
        return dataset

    def from_step(self, step: int) -> tf.data.Dataset:
        """An endless dataset that begins at a step, counted over all epochs."""
        epoch, step = divmod(step, self.steps)

        def rows() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            yield from itertools.islice(self._rows(epoch), step, None)
            for later in itertools.count(epoch + 1):
                yield from self._rows(later)

        return self._loaded(rows, self._batch_size)

    def candidates(self, draw: int, per_class: int) -> tf.data.Dataset:
        """The ``draw``-th pool: batches of images and labels, ``per_class`` of each class in all, class by class."""
        indices = candidates_per_class(self._classes_of, per_class, self._seed, draw).reshape(-1)
        seeds = self._seeds(-1 - draw, np.arange(len(indices)))

        def rows() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for begin in range(0, len(indices), _POOL_BATCH):
                yield indices[begin : begin + _POOL_BATCH], seeds[begin : begin + _POOL_BATCH]

        return self._loaded(rows, _POOL_BATCH)

    def _indices(self, epoch: int) -> np.ndarray:
        return m_per_class(self._classes_of, self._classes, self._per_class, self.steps, self._seed, epoch, self._draw)

    def _rows(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Indices [batch] of the examples of each batch of an epoch, and a seed [batch, 2] for each of them."""
        indices = self._indices(epoch)
        positions = np.arange(indices.size).reshape(indices.shape)
        return ((row, self._seeds(epoch, at)) for row, at in zip(indices, positions))

    def _seeds(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        """One seed for each (seed, epoch, position); pools have epochs below 0."""
        return np.stack([np.full(len(positions), self._seed), (np.int64(epoch) << 32) + positions], axis=1)

    def _loaded(self, rows: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]], batch_size: int) -> tf.data.Dataset:
        def examples() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
            return ((self._examples[indices], seeds, self._labels[indices]) for indices, seeds in rows())

        signature = (
            tf.TensorSpec([None, *self._examples.shape[1:]], tf.as_dtype(self._examples.dtype)),
            tf.TensorSpec([None, 2], tf.int64),
            tf.TensorSpec([None], tf.int64),
        )
        dataset = tf.data.Dataset.from_generator(examples, output_signature=signature)
        if self._load is None and self._augment is None:
            return dataset.map(lambda images, _, labels: (images, labels)).prefetch(2)
        return dataset.unbatch().map(self._image, tf.data.AUTOTUNE).batch(batch_size).prefetch(2)

    def _image(self, example: tf.Tensor, seed: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = self._load(example) if self._load else example
        return self._augment(image, seed) if self._augment else image, label


def _in_memory(examples: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Examples [num, …] and integer labels [num]."""
    if isinstance(examples, tf.data.Dataset):
        if labels is not None:
            raise ConfigError("A dataset of (example, label) has its labels; leave labels out.")
        finite = examples.cardinality() != tf.data.INFINITE_CARDINALITY
        pairs = list(examples.as_numpy_iterator()) if finite else []
        if not pairs or not isinstance(pairs[0], tuple) or len(pairs[0]) != 2:
            raise ConfigError("balanced_batches needs a finite dataset of (example, label), not batched.")
        examples, labels = (np.stack(values) for values in zip(*pairs))
    if labels is None:
        raise ConfigError("balanced_batches needs the labels of the examples.")
    examples = np.asarray(examples)
    labels = class_labels(labels, len(examples), "balanced_batches")
    if labels.dtype.kind == "U":
        raise ConfigError(
            "balanced_batches needs numbered classes; got text. Number them by "
            "names, labels = numpy.unique(labels, return_inverse=True)."
        )
    return examples, labels
