"""A network with all that stands before and after it: images in, normalised embeddings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from datasets.images.decoding import open_image
from datasets.images.image import DecodedImage
from datasets.images.refusal import refuse_unless
from datasets.input.formats import ImageFormat
from datasets.input.preprocessing import evaluation_image
from models.serving.attempts import attempted
from models.serving.blocks import embedded_in_blocks
from models.serving.png_text import has_few_texts
from models.serving.reasons import reasons

# A message that lists thousands helps nobody.
_MOST_POSITIONS = 20


class Network(Protocol):
    """Preprocessed images [batch, size, size, channels] to embeddings [batch, embedding_size], not normalised."""

    variables: Sequence[tf.Variable]

    def __call__(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        """The embeddings."""


class EmbeddingNetwork(tf.Module):
    """Preprocessing, a network and normalisation, as functions that are saved and can be taken up again.

    Each gives [batch, embedding_size] float32, of norms at most 1; [0, embedding_size] of no images.

    Attributes:
      embed_float: images [batch, height, width, channels] from 0 to 1.
      embed_uint8: the same from 0 to 255.
      embed_encoded: image files [batch] string; a bad one is an error that names its position.
      embed_masked: the same; a bad one has zeros. Also gives which are good, [batch] bool, and what is wrong with the
        others, [batch] string.

    Args:
      network: the network.
      image_format: what it takes in.
    """

    def __init__(self, network: Network, image_format: ImageFormat):
        super().__init__(name="embedding_network")
        # What the functions use must be somewhere to be found when they are saved.
        self.weights = list(network.variables)
        size, channels = image_format.size, image_format.channels
        spec = tf.TensorSpec([size, size, channels], tf.float32)
        embedding_size = network(tf.zeros([1, size, size, channels]), training=False).shape[-1]

        @_traced_once(tf.TensorSpec([None, *spec.shape]))
        def embed(prepared: tf.Tensor) -> tf.Tensor:
            return lipschitz_normalize(network(prepared, training=False))

        def read_one(contents: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies(refuse_unless(has_few_texts(contents), ["PNG texts"])):
                file = tf.identity(contents)
            return evaluation_image(open_image(file, channels, served=True), image_format)

        @_traced_once(tf.TensorSpec([None], tf.string))
        def read(files: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return attempted(read_one, files, spec)

        def embed_files(files: tf.Tensor, all_or_none: bool) -> tuple[tf.Tensor, tf.Tensor]:
            return embedded_in_blocks(
                lambda first, end: read(files[first:end]), embed, embedding_size, tf.size(files), all_or_none
            )

        def embed_pixels(images: tf.Tensor, of_one: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]):
            def prepare(place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                image, good = of_one(images[place])
                return evaluation_image(DecodedImage(image), image_format), good

            def prepare_some(first: tf.Tensor, end: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                return tf.map_fn(prepare, tf.range(first, end), fn_output_signature=(spec, tf.TensorSpec([], tf.bool)))

            with tf.control_dependencies(_check_pixels(images)):
                return embedded_in_blocks(prepare_some, embed, embedding_size, tf.shape(images)[0])

        def embed_float(images: tf.Tensor) -> tf.Tensor:
            embeddings, good = embed_pixels(images, lambda image: (255.0 * image, _in_range(image)))
            with tf.control_dependencies(_check_range(good)):
                return tf.identity(embeddings)

        def embed_uint8(images: tf.Tensor) -> tf.Tensor:
            return embed_pixels(images, lambda image: (image, tf.constant(True)))[0]

        def embed_encoded(encoded_images: tf.Tensor) -> tf.Tensor:
            embeddings, good = embed_files(encoded_images, all_or_none=True)
            with tf.control_dependencies(_check_good(encoded_images, good)):
                return tf.identity(embeddings)

        def embed_masked(encoded_images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            embeddings, good = embed_files(encoded_images, all_or_none=False)
            embeddings = tf.where(good[:, tf.newaxis], embeddings, 0.0)
            return embeddings, good, _reasons_of_bad(encoded_images, good)

        images = [None, None, None, channels]
        files = tf.TensorSpec([None], tf.string, "encoded_images")
        self.embed_float = _traced_once(tf.TensorSpec(images, tf.float32, "images"))(embed_float)
        self.embed_uint8 = _traced_once(tf.TensorSpec(images, tf.uint8, "images"))(embed_uint8)
        self.embed_encoded = _traced_once(files)(embed_encoded)
        self.embed_masked = _traced_once(files)(embed_masked)


def _traced_once(spec: tf.TensorSpec) -> Callable[[Callable], tf.types.experimental.GenericFunction]:
    return tf.function(input_signature=[spec], autograph=False)


def _check_pixels(images: tf.Tensor) -> list[tf.Operation]:
    shape = tf.shape(images)
    has_pixels = (shape[0] == 0) | tf.reduce_all(shape[1:3] > 0)
    return refuse_unless(has_pixels, ["Images must have pixels; their height and width are", shape[1:3]])


def _in_range(image: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all((image >= 0.0) & (image <= 1.0))  # NaN is neither.


def _check_range(good: tf.Tensor) -> list[tf.Operation]:
    said = tf.strings.join(
        [
            "Float images must lie in [0, 1] and be finite; those at positions ",
            _positions(~good),
            " of the batch, counted from 0, do not. Send values from 0 to 255 as signature 'uint8'.",
        ]
    )
    return refuse_unless(tf.reduce_all(good), [said])


def _check_good(files: tf.Tensor, good: tf.Tensor) -> list[tf.Operation]:
    def message() -> tf.Tensor:
        first = tf.argmin(tf.cast(good, tf.int32))
        return tf.strings.join(
            [
                "The images at positions ",
                _positions(~good),
                " of the batch, counted from 0, cannot be read. Position ",
                tf.strings.as_string(first),
                ": ",
                reasons(files[first : first + 1])[0],
                ".",
            ]
        )

    all_good = tf.reduce_all(good)
    return refuse_unless(all_good, [tf.cond(all_good, lambda: tf.constant(""), message)])


def _positions(chosen: tf.Tensor) -> tf.Tensor:
    places = tf.strings.as_string(tf.where(chosen)[:, 0])
    listed = tf.strings.reduce_join(places[:_MOST_POSITIONS], separator=", ")
    return tf.strings.join([listed, tf.where(tf.size(places) > _MOST_POSITIONS, ", …", "")])


def _reasons_of_bad(files: tf.Tensor, good: tf.Tensor) -> tf.Tensor:
    none = tf.fill(tf.shape(files), "")

    def filled() -> tf.Tensor:
        bad = tf.where(~good)
        return tf.tensor_scatter_nd_update(none, bad, reasons(tf.gather_nd(files, bad)))

    return tf.cond(tf.reduce_all(good), lambda: none, filled)
