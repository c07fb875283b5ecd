"""Embeddings of a data set, and the scores that select a model."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.distribution.replicas import Replicas
from datasets.input.pipelines import EvaluationImages
from datasets.manifest import DataError
from evaluate.embedded import Embedded


class Embedder:
    """Runs a network over images in inference mode, on all devices of this process.

    The network's call is compiled once for all batches and all evaluations of a run.

    Args:
      model: images to embeddings.
      replicas: the devices; None is one.
    """

    def __init__(self, model: tf.keras.Model, replicas: Replicas | None = None):
        self._replicas = replicas or Replicas()
        self._embedding_size = model.output_shape[-1]
        self._model = model
        self._call = tf.function(self._on_every_device, reduce_retracing=True, autograph=False)

    def raw(self, batches: Iterable[tf.Tensor], shared: bool = False) -> tf.Tensor:
        """The network's output for batches of images, [num_images, embedding_size] float32.

        Args:
          batches: the images.
          shared: these are this process's share, and the output is for all; every process calls this.
        """
        none = tf.zeros([0, self._embedding_size])
        outputs = tf.concat([none, *(self._infer(images) for images in batches)], axis=0)
        return tf.constant(self._replicas.gather(outputs.numpy())) if shared else outputs

    def embed(self, images: EvaluationImages, shared: bool = False) -> Embedded:
        """The examples that could be read with their embeddings, ``lipschitz_normalize``d as in the exported model.

        Args:
          images: of the set.
          shared: as for ``raw``.

        Raises:
          DataError: none could be read.
        """
        outputs = self.outputs(images, shared)
        return dataclasses.replace(outputs, embeddings=lipschitz_normalize(outputs.embeddings).numpy())

    def outputs(self, images: EvaluationImages, shared: bool = False) -> Embedded:
        """The same with the network's outputs as they are, not normalised."""
        indices = [np.zeros(0, np.int64)]

        def batches():
            for of_batch, batch in images:
                indices.append(of_batch)
                yield batch

        embeddings = self.raw(batches(), shared)
        if not len(embeddings):
            raise DataError("None of the images could be read, so there is nothing to evaluate.")
        read = np.concatenate(indices)
        read = self._replicas.gather(read) if shared else read
        return Embedded(embeddings.numpy(), images.examples, read)

    def _on_every_device(self, images):
        return self._replicas.run(functools.partial(self._model, training=False), [images])

    def _infer(self, images: tf.Tensor) -> tf.Tensor:
        return self._replicas.map_rows(self._call, images)


class Validator:
    """Scores a network on a fixed set.

    Attributes:
      embedded: the set by the network as it was at the last call; None before it.

    Args:
      embedder: the network.
      images: of the set; where several processes share the work, this one's share.
    """

    def __init__(self, embedder: Embedder, images: EvaluationImages):
        self._embedder, self._images = embedder, images
        self.embedded: Embedded | None = None

    def __call__(self) -> dict[str, float]:
        """The metrics of the network as it is now."""
        self.embedded = self._embedder.embed(self._images, shared=True)
        return self.embedded.result.means
