"""The functions that are exported of a network: preprocessing, the network itself, normalisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.keras_api import tf_variable
from datasets.images.decoding import open_image
from datasets.images.image import DecodedImage
from datasets.images.refusal import refuse_unless
from datasets.input.formats import ImageFormat
from datasets.input.preprocessing import evaluation_image
from models.serving.blocks import embed_in_blocks
from models.serving.image_files import read_each, reasons
from models.serving.joined_networks import Network

FLOAT, UINT8, ENCODED, MASKED = "serving_default", "uint8", "encoded", "encoded_masked"


class EmbeddingNetwork(tf.Module):
    """A network with the evaluation's preprocessing and normalisation, as functions to be exported.

    They take any number of images, also none, and give embeddings [batch, embedding_size] float32 of norms at most 1.

    Attributes:
      embed_prepared: the network and normalisation alone, for images that are resized and cropped already:
        [batch, size, size, channels] float32 from 0 to 255 to embeddings.

    Args:
      network: the network, with the weights to be exported.
      image_format: the images that it takes.
    """

    def __init__(self, network: Network, image_format: ImageFormat):
        super().__init__(name="embedding_network")
        # Saved with the module; the network's Python object is not.
        self.weights = [tf_variable(variable) for variable in network.variables]
        self._format = image_format
        shape = (image_format.size, image_format.size, image_format.channels)
        self.embed_prepared = _traced_once(
            lambda images: lipschitz_normalize(network(images, training=False)), tf.TensorSpec([None, *shape])
        )
        self._embedding_size = self.embed_prepared.get_concrete_function().structured_outputs.shape[-1]
        self._read = _traced_once(
            lambda files: read_each(self._prepare_file, files, shape), tf.TensorSpec([None], tf.string)
        )

    def signatures(self) -> dict[str, Any]:
        """The functions by signature, with named inputs and outputs."""
        images = [None, None, None, self._format.channels]
        files = tf.TensorSpec([None], tf.string, "encoded_images")
        return {
            FLOAT: self.embed_float.get_concrete_function(tf.TensorSpec(images, tf.float32, "images")),
            UINT8: self.embed_uint8.get_concrete_function(tf.TensorSpec(images, tf.uint8, "images")),
            ENCODED: self.embed_encoded.get_concrete_function(files),
            MASKED: self.embed_masked.get_concrete_function(files),
        }

    @tf.function(autograph=False)
    def embed_float(self, images: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Embeds images [batch, height, width, channels] float32 from 0 to 1; other values are an error."""
        embeddings, good = self._embed_pixels(images, lambda image: (255.0 * image, _in_range(image)))
        message = tf.strings.join(
            [
                "Float images must be finite and in [0, 1]; those at positions ",
                _positions(~good),
                " of the batch, counted from 0, are not. Send values from 0 to 255 to signature 'uint8'.",
            ]
        )
        with tf.control_dependencies(refuse_unless(tf.reduce_all(good), [message])):
            return {"embeddings": tf.identity(embeddings)}

    @tf.function(autograph=False)
    def embed_uint8(self, images: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Embeds images [batch, height, width, channels] uint8."""
        return {"embeddings": self._embed_pixels(images, lambda image: (image, tf.constant(True)))[0]}

    @tf.function(autograph=False)
    def embed_encoded(self, encoded_images: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Embeds image files [batch] string; one that cannot be read is an error that names its position."""
        embeddings, good = self._embed_files(encoded_images)
        with tf.control_dependencies(refuse_unless(tf.reduce_all(good), [_unreadable(encoded_images, good)])):
            return {"embeddings": tf.identity(embeddings)}

    @tf.function(autograph=False)
    def embed_masked(self, encoded_images: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Embeds image files [batch] string; those that cannot be read get zeros.

        Returns:
          ``embeddings``; ``ok`` [batch] bool, false for those; and ``reasons`` [batch] string, empty for the others.
        """
        embeddings, good = self._embed_files(encoded_images)
        embeddings = tf.where(good[:, tf.newaxis], embeddings, 0.0)
        return {"embeddings": embeddings, "ok": good, "reasons": reasons(encoded_images, good)}

    def _embed_files(self, files: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return embed_in_blocks(self._read, self.embed_prepared, self._embedding_size, files)

    def _embed_pixels(
        self, images: tf.Tensor, checked: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Embeds images; ``checked`` maps one to its intensities from 0 to 255, and whether they are valid."""
        size, channels = self._format.size, self._format.channels
        specs = tf.TensorSpec([size, size, channels]), tf.TensorSpec([], tf.bool)

        def prepare(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            intensities, good = checked(image)
            return evaluation_image(DecodedImage(intensities), self._format), good

        def read(block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.map_fn(prepare, block, fn_output_signature=specs)

        return embed_in_blocks(read, self.embed_prepared, self._embedding_size, images)

    def _prepare_file(self, contents: tf.Tensor) -> tf.Tensor:
        return evaluation_image(open_image(contents, self._format.channels, served=True), self._format)


def _traced_once(function: Callable, spec: tf.TensorSpec) -> tf.types.experimental.GenericFunction:
    """A graph that several signatures share."""
    return tf.function(function, input_signature=[spec], autograph=False)


def _in_range(image: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all((image >= 0.0) & (image <= 1.0))  # False for NaN.


def _unreadable(files: tf.Tensor, good: tf.Tensor) -> tf.Tensor:
    first = tf.strings.as_string(tf.where(~good)[:1, 0])
    return tf.strings.join(
        [
            "The images at positions ",
            _positions(~good),
            " of the batch, counted from 0, cannot be read. Position ",
            tf.strings.reduce_join(first),
            ": ",
            tf.strings.reduce_join(tf.boolean_mask(reasons(files, good), ~good)[:1]),
            ".",
        ]
    )


def _positions(chosen: tf.Tensor) -> tf.Tensor:
    return tf.strings.reduce_join(tf.strings.as_string(tf.where(chosen)[:, 0]), separator=", ")
