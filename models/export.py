"""The SavedModel that is served."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from datasets.images.decoding import read_window
from datasets.images.windows import reader_of
from datasets.preprocessing import ImageFormat, evaluation_image

INFO_FILE = "embedding.json"


class ExportError(UserError):
    """The model cannot be written, or a directory is not one that was written here."""


class ServedEmbedding(tf.Module):
    """Images or encoded images in, normalised embeddings out: preprocessing and normalisation are in the graph.

    Args:
      model: preprocessed images to embeddings.
      image_format: what the network takes in.
    """

    def __init__(self, model: tf.keras.Model, image_format: ImageFormat):
        super().__init__(name="served_embedding")
        self.model = model
        self._format = image_format

    def signatures(self) -> dict[str, Any]:
        """``serving_default`` (float images), ``uint8`` (integer images) and ``encoded`` (image files)."""
        channels = self._format.channels
        images = [None, None, None, channels]
        return {
            "serving_default": self._embed_float.get_concrete_function(tf.TensorSpec(images, tf.float32, "images")),
            "uint8": self._embed_uint8.get_concrete_function(tf.TensorSpec(images, tf.uint8, "images")),
            "encoded": self._embed_encoded.get_concrete_function(tf.TensorSpec([None], tf.string, "encoded_images")),
        }

    @tf.function
    def _embed_float(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        in_range = tf.reduce_all(tf.logical_and(images >= 0.0, images <= 1.0))
        check = tf.debugging.Assert(
            in_range, ["Float images must lie in [0, 1] and be finite. Send values from 0 to 255 as signature 'uint8'."]
        )
        with tf.control_dependencies([check]):
            return self._embed(255.0 * images)

    @tf.function
    def _embed_uint8(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._embed(images)

    @tf.function
    def _embed_encoded(self, encoded_images: tf.Tensor) -> dict[str, tf.Tensor]:
        def prepare(encoded):
            return evaluation_image(lambda plan: read_window(encoded, plan, self._format.channels), self._format)

        return self._network(tf.map_fn(prepare, encoded_images, fn_output_signature=self._image_spec()))

    def _embed(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        def prepare(image):
            return evaluation_image(reader_of(image), self._format)

        return self._network(tf.map_fn(prepare, images, fn_output_signature=self._image_spec()))

    def _network(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embeddings": lipschitz_normalize(self.model(images, training=False))}

    def _image_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([self._format.size, self._format.size, self._format.channels], tf.float32)


def export(model: tf.keras.Model, image_format: ImageFormat, directory: str, info: Mapping[str, Any]) -> None:
    """Writes a SavedModel that needs nothing of this project to be loaded.

    It appears under its final name only when it is whole.

    Args:
      model: the network, with the weights to be served.
      image_format: what it takes in.
      directory: where to; must not hold anything yet.
      info: kept beside the model as ``embedding.json``: where it comes from and how it was judged.

    Raises:
      ExportError: the directory exists and is not empty.
    """
    target = pathlib.Path(os.path.abspath(directory))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ExportError(f"{target} exists already; pass another --export_dir, or delete it first.")
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    served = ServedEmbedding(model, image_format)
    tf.saved_model.save(served, str(unfinished), signatures=served.signatures())
    (unfinished / INFO_FILE).write_text(json.dumps(dict(info), indent=2) + "\n")
    if target.exists():
        target.rmdir()
    os.replace(unfinished, target)


def load_exported(directory: str) -> Any:
    """An exported model, for ``loaded.signatures[…]``.

    Raises:
      ExportError: the directory holds no SavedModel with an ``encoded`` signature.
    """
    if not tf.saved_model.contains_saved_model(directory):
        raise ExportError(f"{directory} holds no SavedModel; make one with: main.py export --run_dir=… --export_dir=…")
    loaded = tf.saved_model.load(directory)
    if "encoded" not in loaded.signatures:
        raise ExportError(f"The SavedModel in {directory} has no signature 'encoded'; export it with main.py export.")
    return loaded
