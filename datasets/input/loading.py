"""Rows of images, loaded in parallel; a row with an image that cannot be read is loaded again, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from datasets.images.refusal import reason
from datasets.input.bad_images import BadImages
from datasets.manifest import DataError

_IMAGES_PER_ROW = 32
_SMALL_IMAGES_PER_ROW = 256
_SMALL = 64 * 64 * 3


class Row(NamedTuple):
    """Images that are loaded together.

    Attributes:
      indices: [num_images] int64, of the examples.
      seeds: [num_images, 2] int64, one for each.
    """

    indices: np.ndarray
    seeds: np.ndarray


_SIGNATURE = (tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 2], tf.int64))


class RowLoader:
    """Loads rows of images.

    Rows are loaded in TensorFlow's threads, several at a time and ahead of their use. A row in which an image
    cannot be read is loaded again, image by image, to find which it is and why; ``bad_images`` decides whether
    that is an error. Otherwise a substitute replaces the image, or it is left out. Results do not depend on
    which images were already known to be bad.

    Args:
      load: from an index and a seed to an image, in TensorFlow operations.
      names: [num_examples] the images' names for ``bad_images``.
      bad_images: what to do about those that cannot be read.
      substitutes: maps an example to those that may replace it, in order; None leaves it out.
    """

    def __init__(
        self,
        load: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        names: np.ndarray,
        bad_images: BadImages,
        substitutes: Callable[[int], np.ndarray] | None = None,
    ):
        self._load, self._names, self._bad_images, self._substitutes = load, names, bad_images, substitutes
        # Traced once, however often rows are loaded. Without AutoGraph, which takes most of the time of tracing.
        self._load_row = tf.function(self._row, input_signature=_SIGNATURE, autograph=False)

    def __call__(self, rows: Callable[[], Iterator[Row]]) -> Iterator[tuple[np.ndarray, tf.Tensor | None]]:
        """Loads rows in order.

        Args:
          rows: makes the same rows every time; they may have no end.

        Yields:
          Indices [num_images] and images [num_images, …] that were loaded of each row; None in place of no images.

        Raises:
          DataError: an image cannot be read and the policy is to stop, or it has no substitute that can.
        """

        def without_known_bad():
            for row in rows():
                yield self._with_substitutes(row) if self._bad_images.found else row

        dataset = tf.data.Dataset.from_generator(without_known_bad, output_signature=_SIGNATURE)
        loaded = iter(dataset.map(self._load_row, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2))
        for row in rows():
            try:
                indices, images = next(loaded)
                indices = indices.numpy()
            except tf.errors.OpError:
                indices, images = self._load_one_by_one(row)
            yield indices, images

    def _row(self, indices: tf.Tensor, seeds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.map_fn(lambda pair: self._load(*pair), (indices, seeds), fn_output_signature=tf.float32)
        return indices, images

    def _with_substitutes(self, row: Row) -> Row:
        """The row with substitutes for images that are known to be bad, or without these."""
        places, indices = [], []
        for place, index in enumerate(row.indices):
            # Where every substitute is bad too, the image itself stays, so that the row fails with an explanation.
            last = None if self._substitutes is None else int(index)
            chosen = next(self._candidates(int(index)), last)
            if chosen is not None:
                places.append(place)
                indices.append(chosen)
        return Row(np.array(indices, np.int64), row.seeds[places])

    def _candidates(self, index: int) -> Iterator[int]:
        """The example and its substitutes, without those that are known to be bad."""
        others = () if self._substitutes is None else self._substitutes(index)
        return (int(i) for i in (index, *others) if self._names[i] not in self._bad_images.found)

    def _load_one_by_one(self, row: Row) -> tuple[np.ndarray, tf.Tensor | None]:
        """Indices and images of a row, with substitutes for images that cannot be read, or without these."""
        indices, images = [], []
        for index, seed in zip(row.indices, row.seeds):
            for candidate in self._candidates(int(index)):
                try:
                    images.append(self._load_row([candidate], [seed])[1])
                    indices.append(candidate)
                    break
                except tf.errors.OpError as error:
                    if isinstance(error, tf.errors.InvalidArgumentError):
                        self._bad_images.report(self._names[candidate], reason(error))
                        continue
                    # Not the image's fault, as when a disk is gone for a while.
                    raise DataError(
                        f"{self._bad_images.file(self._names[candidate])} cannot be read ({reason(error)}). Run the "
                        "command again when it can: training resumes from the last checkpoint."
                    ) from error
            else:
                if self._substitutes is not None:
                    raise DataError(
                        f"{self._names[index]} and every other image of its class cannot be read, so the class cannot "
                        "be trained on. Fix the images, or remove the class."
                    )
        return np.array(indices, np.int64), tf.concat(images, 0) if images else None


def images_per_row(values_per_image: int) -> int:
    """How many images to embed at once: enough to keep the machine busy, few enough for its memory."""
    return _SMALL_IMAGES_PER_ROW if values_per_image <= _SMALL else _IMAGES_PER_ROW
