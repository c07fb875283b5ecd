"""tf.data pipelines over index matrices."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from datasets.manifest import Examples
from datasets.preprocessing import Augmentation, ImageFormat, evaluation_image, training_image
from datasets.sampling import candidates_per_class, check_enough_classes, m_per_class

_EVALUATION_BATCH = 256


def training_batches(
    examples: Examples,
    image_format: ImageFormat,
    augmentation: Augmentation,
    *,
    classes_per_batch: int,
    examples_per_class: int,
    steps_per_epoch: int,
    seed: int,
    epoch: int = 0,
    step: int = 0,
) -> tf.data.Dataset:
    """Endless (images, labels) batches from a position on.

    The indices of an epoch and the augmentation of each image are functions of (seed, epoch, position), so
    a training that starts here sees just what one that got here sees.

    Args:
      examples: the training set.
      image_format: what the network takes in.
      augmentation: how training images vary.
      classes_per_batch: P.
      examples_per_class: M.
      steps_per_epoch: batches in an epoch.
      seed: of the run.
      epoch: the epoch to start in, from 0.
      step: the step to start at in it, from 0.

    Returns:
      A dataset of images [P · M, size, size, channels] float32 and labels [P · M] int64.

    Raises:
      DataError: there are fewer than P classes.
    """
    # Here, as an error in the generator would reach the user wrapped in TensorFlow's own.
    check_enough_classes(examples.labels, classes_per_batch)

    def positions():
        at_epoch, at_step = epoch, step
        while True:
            indices = m_per_class(
                examples.labels, classes_per_batch, examples_per_class, steps_per_epoch, seed, at_epoch
            )
            for at in range(at_step, steps_per_epoch):
                yield indices[at], _seeds(seed, at_epoch, at * indices.shape[1], indices.shape[1])
            at_epoch, at_step = at_epoch + 1, 0

    batch_size = classes_per_batch * examples_per_class
    signature = (tf.TensorSpec([batch_size], tf.int64), tf.TensorSpec([batch_size, 2], tf.int64))
    dataset = tf.data.Dataset.from_generator(positions, output_signature=signature)
    return _augmented(dataset, examples, image_format, augmentation).prefetch(8)


def candidate_batches(
    examples: Examples,
    image_format: ImageFormat,
    augmentation: Augmentation,
    *,
    num_candidates: int,
    seed: int,
    draw: int,
) -> tf.data.Dataset:
    """The images of the ``draw``-th candidate pool, drawn and augmented as in training, class by class.

    Returns:
      A dataset of images [batch, size, size, channels] float32; num_classes · num_candidates in all.
    """
    indices = candidates_per_class(examples.labels, num_candidates, seed, draw).reshape(-1)
    dataset = tf.data.Dataset.from_tensor_slices((indices, _seeds(seed, -1 - draw, 0, len(indices))))
    dataset = dataset.batch(_EVALUATION_BATCH)
    return _augmented(dataset, examples, image_format, augmentation).map(lambda images, _: images).prefetch(2)


def evaluation_batches(examples: Examples, image_format: ImageFormat) -> tf.data.Dataset:
    """All images in order, in evaluation preprocessing: [batch, size, size, channels] float32."""
    dataset = tf.data.Dataset.from_tensor_slices(examples.images)
    dataset = dataset.map(lambda image: evaluation_image(image, image_format), num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.batch(_EVALUATION_BATCH).cache().prefetch(2)


def _seeds(seed: int, epoch: int, first: int, count: int) -> np.ndarray:
    """[count, 2] seeds, one for each (seed, epoch, position); candidate pools have epochs of their own, below 0."""
    positions = np.arange(first, first + count, dtype=np.int64)
    return np.stack([np.full(count, seed, np.int64), (np.int64(epoch) << 32) + positions], axis=1)


def _augmented(dataset, examples: Examples, image_format: ImageFormat, augmentation: Augmentation):
    images, labels = tf.constant(examples.images), tf.constant(examples.labels)

    def load(indices, seeds):
        def one(pair):
            return training_image(tf.gather(images, pair[0]), pair[1], image_format, augmentation)

        batch = tf.map_fn(one, (indices, seeds), fn_output_signature=tf.float32, parallel_iterations=1)
        return batch, tf.gather(labels, indices)

    return dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE)
