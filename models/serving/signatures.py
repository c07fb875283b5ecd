"""What a served model answers: its signatures."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from models.serving.gallery import Gallery
from models.serving.network import EmbeddingNetwork

FLOAT, UINT8, ENCODED, MASKED, SEARCH = "serving_default", "uint8", "encoded", "encoded_masked", "search"


class ServedModel(tf.Module):
    """An embedding network, and perhaps a gallery, behind signatures with named inputs and outputs.

    Attributes:
      network: see below.
      channels: see below.
      gallery: see below; may be set until the model is saved.

    Args:
      network: an ``EmbeddingNetwork``, or one that was saved and loaded.
      channels: of its images.
      gallery: what is searched, if anything.
    """

    def __init__(self, network: EmbeddingNetwork, channels: int, gallery: Gallery | None = None):
        super().__init__(name="served_model")
        # Whoever takes up a saved model for another gallery finds the network here, apart from the gallery.
        self.network = network
        self.gallery = gallery
        self.channels = channels

    def signatures(self) -> dict[str, Any]:
        """Functions by signature; all take any number of images, none included.

        - ``serving_default``: ``images`` [batch, height, width, channels] float32 from 0 to 1 → ``embeddings``
          [batch, embedding_size] float32, of norms at most 1.
        - ``uint8``: the same from ``images`` from 0 to 255.
        - ``encoded``: the same from ``encoded_images`` [batch], the bytes of image files. One that cannot be read is an
          error that names its position.
        - ``encoded_masked``: from ``encoded_images``, too; ``embeddings`` of one that cannot be read are zeros, ``ok``
          [batch] is false for it, and ``reasons`` [batch], otherwise empty, say why.
        - ``search``, where there is a gallery: ``encoded_images`` [batch] and ``k`` [] int32 → the nearest images'
          ``ids`` and ``labels``, strings, and Euclidean ``distances``, float32, [batch, min(k, gallery)] each,
          which may be ``models.serving.search.MAX_NEIGHBOURS`` at most.
        """
        images = [None, None, None, self.channels]
        files = tf.TensorSpec([None], tf.string, "encoded_images")
        found = {
            FLOAT: self._embed_float.get_concrete_function(tf.TensorSpec(images, tf.float32, "images")),
            UINT8: self._embed_uint8.get_concrete_function(tf.TensorSpec(images, tf.uint8, "images")),
            ENCODED: self._embed_encoded.get_concrete_function(files),
            MASKED: self._embed_masked.get_concrete_function(files),
        }
        if self.gallery is not None:
            found[SEARCH] = self._search.get_concrete_function(files, tf.TensorSpec([], tf.int32, "k"))
        return found

    @tf.function(autograph=False)
    def _embed_float(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embeddings": self.network.embed_float(images)}

    @tf.function(autograph=False)
    def _embed_uint8(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embeddings": self.network.embed_uint8(images)}

    @tf.function(autograph=False)
    def _embed_encoded(self, encoded_images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embeddings": self.network.embed_encoded(encoded_images)}

    @tf.function(autograph=False)
    def _embed_masked(self, encoded_images: tf.Tensor) -> dict[str, tf.Tensor]:
        embeddings, good, reasons = self.network.embed_masked(encoded_images)
        return {"embeddings": embeddings, "ok": good, "reasons": reasons}

    @tf.function(autograph=False)
    def _search(self, encoded_images: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        # Before any image is embedded.
        with tf.control_dependencies(self.gallery.checks(tf.size(encoded_images), k)):
            files = tf.identity(encoded_images)
        return self.gallery.search(self.network.embed_encoded(files), k)
