"""Training batches, candidate pools and evaluation images, from index matrices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from ccp.class_draws import DRAW_EVENLY, DrawClasses
from ccp.sampling import candidates_per_class, m_per_class, members_by_class
from datasets.examples import Examples
from datasets.input.bad_images import BadImages
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.loading import Row, RowLoader, images_per_row
from datasets.input.preprocessing import evaluation_image, training_image

_MOST_SUBSTITUTES = 100

# From a number of images to those that this process reads.
Share = Callable[[int], slice]


class TrainingImages:
    """Augmented images of the training set, as batches and as candidate pools.

    The indices of an epoch and the augmentation of each image are functions of (seed, epoch, position). An image
    that cannot be read is replaced by the next one of its class that can; if every image is a class, by the next one.

    Args:
      examples: the training set.
      image_format: what the network takes in.
      augmentation: how training images vary.
      seed: of the run.
      bad_images: what to do about images that cannot be read; stops by default.
      share: which images, of so many, are read here, where several processes share a batch; all by default.
    """

    def __init__(
        self,
        examples: Examples,
        image_format: ImageFormat,
        augmentation: Augmentation,
        seed: int,
        bad_images: BadImages | None = None,
        share: Share = slice,
    ):
        self._examples, self._seed, self._share = examples, seed, share
        self._row_size = images_per_row(image_format.size**2 * image_format.channels)
        members = members_by_class(examples.labels)
        without_labels = len(members) == len(examples)  # Every image is a class.

        def load(index, image_seed):
            return training_image(examples.images.open(index), image_seed, image_format, augmentation)

        def others_of_class(index: int) -> np.ndarray:
            if without_labels:  # Any other may take its place, and then is the class.
                return np.arange(index + 1, index + min(len(examples), _MOST_SUBSTITUTES + 1)) % len(examples)
            others = members[examples.labels[index]]
            return np.roll(others, -1 - int(np.searchsorted(others, index)))[:-1]

        self._load = RowLoader(load, examples.images.paths, bad_images or BadImages(), others_of_class)

    def batches(
        self,
        *,
        classes_per_batch: int,
        examples_per_class: int,
        steps_per_epoch: int,
        epoch: int = 0,
        step: int = 0,
        classes: DrawClasses = DRAW_EVENLY,
    ) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Endless batches from a position on, the same whether training starts or arrives there.

        Args:
          classes_per_batch: P.
          examples_per_class: M.
          steps_per_epoch: batches in an epoch.
          epoch: where to start, from 0.
          step: where to start in that epoch, from 0.
          classes: which classes are drawn when.

        Returns:
          Images [P · M, size, size, channels] float32 and labels [P · M] int64, or this process's share of them.

        Raises:
          ConfigError: there are too few classes for such batches.
          DataError: (later) an image cannot be read.
        """
        labels = self._examples.labels
        # Here, and not when the first batch is drawn.
        classes.check(int(labels.max()) + 1, classes_per_batch)

        def rows():
            at_epoch, at_step = epoch, step
            while True:
                indices = m_per_class(
                    labels, classes_per_batch, examples_per_class, steps_per_epoch, self._seed, at_epoch, classes
                )
                share = self._share(indices.shape[1])
                for at in range(at_step, steps_per_epoch):
                    seeds = self._seeds(at_epoch, at * indices.shape[1], indices.shape[1])
                    yield Row(indices[at][share], seeds[share])
                at_epoch, at_step = at_epoch + 1, 0

        return ((images, tf.constant(labels[indices])) for indices, images in self._load(rows))

    def candidates(self, num_candidates: int, draw: int) -> Iterator[tf.Tensor]:
        """The images of the ``draw``-th candidate pool, drawn and augmented as in training, class by class.

        Returns:
          Images [batch, size, size, channels] float32; num_classes · num_candidates in all, or this process's share.
        """
        indices = candidates_per_class(self._examples.labels, num_candidates, self._seed, draw).reshape(-1)
        share = self._share(len(indices))
        rows = _cut(Row(indices[share], self._seeds(-1 - draw, 0, len(indices))[share]), self._row_size)
        return (images for _, images in self._load(lambda: iter(rows)))

    def _seeds(self, epoch: int, first: int, count: int) -> np.ndarray:
        """[count, 2] seeds, one per (seed, epoch, position); candidate pools have epochs below 0."""
        positions = np.arange(first, first + count, dtype=np.int64)
        return np.stack([np.full(count, self._seed, np.int64), (np.int64(epoch) << 32) + positions], axis=1)


class EvaluationImages:
    """All images in order, in evaluation preprocessing, without those that cannot be read; as often as needed.

    Args:
      examples: the set.
      image_format: what the network takes in.
      bad_images: what to do about images that cannot be read; stops by default.
      share: which images, of so many, are read here, where several processes share the work; all by default.
    """

    def __init__(
        self,
        examples: Examples,
        image_format: ImageFormat,
        bad_images: BadImages | None = None,
        share: Share = slice,
    ):
        def load(index, _):
            return evaluation_image(examples.images.open(index), image_format)

        self.examples, self.format = examples, image_format
        row_size = images_per_row(image_format.size**2 * image_format.channels)
        indices = np.arange(len(examples))[share(len(examples))]
        self._rows = _cut(Row(indices, np.zeros([len(indices), 2], np.int64)), row_size)
        self._load = RowLoader(load, examples.images.paths, bad_images or BadImages())
        self._started = False
        self._passes: Iterator[tuple[np.ndarray, tf.Tensor]] | None = None

    def __iter__(self) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
        """Indices [batch] of examples and their images [batch, size, size, channels] float32."""
        # Starting takes as long as loading a hundred images: all passes after the first, often the only one, are one.
        again, self._started = self._started, True
        passes = self._passes or self._load(lambda: itertools.cycle(self._rows) if again else iter(self._rows))
        self._passes = None  # Until this one is complete.
        for indices, images in itertools.islice(passes, len(self._rows)):
            if len(indices):
                yield indices, images
        self._passes = passes if again else None


def _cut(row: Row, size: int) -> list[Row]:
    return [Row(row.indices[at : at + size], row.seeds[at : at + size]) for at in range(0, len(row.indices), size)]
