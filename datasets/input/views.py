"""Views: images as augmentation shows them, fixed, so that they can be evaluated like any image."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from datasets.images.image import DecodedImage, Image
from datasets.images.sources import ImageFiles, ImagesInMemory
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.preprocessing import training_image

# Beyond the seeds of training images, which hold an epoch and a position.
_FIRST = 1 << 62


class ViewsOfImages:
    """A source of images that shows an augmented view of each.

    Args:
      images: the originals; one that is there several times has several views.
      numbers: [num_images] int64: the view is a function of (seed, number).
      seed: of the run.
      size: height and width of the views, pixels.
      augmentation: how they vary.
    """

    def __init__(
        self,
        images: ImagesInMemory | ImageFiles,
        numbers: np.ndarray,
        seed: int,
        size: int,
        augmentation: Augmentation,
    ):
        self._images, self._numbers, self._seed, self._augmentation = images, numbers, seed, augmentation
        self.names, self.paths, self.channels = images.names, images.paths, images.channels
        self._format = ImageFormat(size, size, images.channels)

    def __len__(self) -> int:
        return len(self._images)

    def take(self, indices: np.ndarray) -> ViewsOfImages:
        """Some of the views."""
        images, numbers = self._images.take(indices), self._numbers[indices]
        return ViewsOfImages(images, numbers, self._seed, self._format.size, self._augmentation)

    def open(self, index: tf.Tensor) -> Image:
        """One of the views: [size, size, channels] uint8."""
        seed = tf.stack([tf.constant(self._seed, tf.int64), _FIRST + tf.gather(tf.constant(self._numbers), index)])
        view = training_image(self._images.open(index), seed, self._format, self._augmentation)
        return DecodedImage(tf.cast(tf.round(view), tf.uint8))
