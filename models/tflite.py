"""The network for TensorFlow Lite, which runs on phones and small boards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError

WEIGHTS = ("float32", "float16", "int8")
INPUT, OUTPUT = "images", "embeddings"


class LiteError(UserError):
    """A network cannot be converted, or a file is no converted network."""


def convert(model: tf.keras.Model, weights: str) -> bytes:
    """The contents of a ``.tflite`` file: preprocessed images to normalised embeddings, with the built-in operations.

    What is in the graph of the SavedModel but not here: reading image files and scaling images (``evaluation_image``
    makes the input), and the search. TensorFlow Lite has no operations for these.

    Args:
      model: images [batch, size, size, channels], from 0 to 255, to embeddings; in float32 throughout.
      weights: how kernels are stored. ``float32``; ``float16``, cast up where they are used; or ``int8``, with a scale
        for each output channel (dynamic range: activations are rounded to 8 bits too, by the range of each batch's
        rows, and sums are float32). Kernels of less than 1024 numbers stay float32 under ``int8``.

    Raises:
      LiteError: there is no such form, or the network has an operation that TensorFlow Lite does not have.
    """
    if weights not in WEIGHTS:
        raise LiteError(f"Weights are stored as {', '.join(WEIGHTS)}; got {weights!r}.")

    @tf.function(input_signature=[tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, INPUT)])
    def embed(images):
        return {OUTPUT: lipschitz_normalize(model(images, training=False))}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([embed.get_concrete_function()], model)
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        with _quiet():
            return converter.convert()
    except Exception as error:  # TensorFlow's own class of it is private.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LiteError(f"TensorFlow Lite cannot hold this network: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what the converter's compiler prints, whatever the level of logging, from standard error."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class LiteNetwork:
    """A converted network, run by TensorFlow Lite's interpreter.

    Args:
      path: of the ``.tflite`` file.
      num_threads: of the interpreter.

    Raises:
      LiteError: it is no such file.
    """

    def __init__(self, path: str, num_threads: int = 1):
        try:
            self._interpreter = tf.lite.Interpreter(model_path=path, num_threads=num_threads)
            self._run = self._interpreter.get_signature_runner()
            (details,) = self._interpreter.get_input_details()
        except ValueError as error:
            raise LiteError(f"{path} is no network for TensorFlow Lite ({error}); see main.py quantize.") from error
        self._shape = tuple(details["shape_signature"][1:].tolist())

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Normalised embeddings [batch, embedding_size] of images [batch, size, size, channels], from 0 to 255.

        Raises:
          LiteError: images of another size; the interpreter itself would embed them, as something else.
        """
        if tuple(images.shape[1:]) != self._shape:
            raise LiteError(
                f"The network takes images [batch, {', '.join(map(str, self._shape))}]; got {list(images.shape)}. "
                "Scale and cut them as the evaluation does."
            )
        return self._run(**{INPUT: np.asarray(images, np.float32)})[OUTPUT]
