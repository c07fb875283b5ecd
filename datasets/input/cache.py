"""Preprocessed evaluation images, kept for the next pass over them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from datasets.input.pipelines import EvaluationImages


class CachedImages:
    """The images of the first complete pass, kept; 4 · size² · channels bytes each.

    Attributes:
      examples: as of ``EvaluationImages``.

    Args:
      images: to be kept.
      on_disk: keep them in the system's temporary directory instead of in memory, as long as this object exists.
    """

    def __init__(self, images: EvaluationImages, on_disk: bool = False):
        self.examples, self._images = images.examples, images
        self._error: Exception | None = None
        size, channels = images.format.size, images.format.channels
        signature = (tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, size, size, channels], tf.float32))
        self._folder = tempfile.TemporaryDirectory(prefix="ccp-cache-") if on_disk else None
        file = os.path.join(self._folder.name, "images") if self._folder else ""
        self._dataset = tf.data.Dataset.from_generator(self._first_pass, output_signature=signature).cache(file)

    def __iter__(self) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
        """As ``EvaluationImages``."""
        if self._error is None:
            try:
                for indices, images in self._dataset:
                    yield indices.numpy(), images
            except tf.errors.OpError:
                if self._error is None:
                    raise
        if self._error is not None:  # Also in a later pass: the cache ends where it occurred.
            raise self._error

    def _first_pass(self) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
        try:
            yield from self._images
        except Exception as error:  # tf.data would make another error of it.
            self._error = error
            raise
