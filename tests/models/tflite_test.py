"""Networks for TensorFlow Lite."""

from __future__ import annotations

import functools
import os
import pathlib
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.config import ModelConfig
from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from models.embedding import build_embedding_model
from models.tflite import LiteError, LiteNetwork, convert
from tests.datasets import pictures
from tests.models import served

# Wide enough for kernels of 1024 numbers and more, which int8 is for.
_CONFIG = ModelConfig(width=32, image_size=16, embedding_size=40)
_folder = tempfile.TemporaryDirectory()  # Kept, and deleted at the end.


@functools.cache
def _network() -> tf.keras.Model:
    """With embeddings of norms on both sides of 1."""
    model = build_embedding_model(_CONFIG, channels=1, seed=0)
    kernel = model.get_layer("embedding").kernel
    kernel.assign(kernel / np.median(np.linalg.norm(model(_images(), training=False), axis=1)))
    return model


@functools.cache
def _path(weights: str) -> pathlib.Path:
    path = pathlib.Path(_folder.name) / f"{weights}.tflite"
    path.write_bytes(convert(_network(), weights))
    return path


@functools.cache
def _images() -> np.ndarray:
    """Digits at the network's size, [9, 16, 16, 1] from 0 to 255."""
    return tf.image.resize(served.digit_images(9), [16, 16]).numpy()


def _expected() -> np.ndarray:
    return lipschitz_normalize(_network()(_images(), training=False)).numpy()


class ConvertTest(parameterized.TestCase):
    @parameterized.parameters(("float32", 0.0, 1e-5), ("float16", 1e-6, 2e-3), ("int8", 1e-4, 0.05))
    def test_embeds_as_the_network_to_its_precision(self, weights, least, most):
        embeddings = LiteNetwork(str(_path(weights)))(_images())
        self.assertEqual((embeddings.shape, embeddings.dtype), ((9, 40), np.float32))
        difference = np.abs(embeddings - _expected()).max()
        self.assertBetween(difference, least, most)
        norms = np.linalg.norm(embeddings, axis=1)
        self.assertLessEqual(norms.max(), 1 + 1e-5)
        self.assertBetween((norms > 1 - 1e-5).mean(), 0.2, 0.8)

    @parameterized.parameters("float32", "float16", "int8")
    def test_any_batch_and_no_image_depends_on_another(self, weights):
        network = LiteNetwork(str(_path(weights)))
        together = network(_images())
        for size in (1, 2, 5):
            np.testing.assert_allclose(network(_images()[:size]), together[:size], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(network(_images()), together)

    def test_sizes(self):
        sizes = {weights: os.path.getsize(_path(weights)) for weights in ("float32", "float16", "int8")}
        kernels = 4 * sum(weight.size for weight in _network().get_weights() if weight.ndim > 1)
        # A part of each is the graph, some 10 kB.
        self.assertBetween(sizes["float32"], kernels, 1.1 * kernels + 10_000)
        self.assertBetween(sizes["float16"], 0.5 * kernels, 0.55 * kernels + 10_000)
        self.assertBetween(sizes["int8"], 0.25 * kernels, 0.3 * kernels + 15_000)

    def test_uses_built_in_operations_alone(self):
        # An interpreter without TensorFlow's own operations, as on a phone.
        resolver = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = tf.lite.Interpreter(str(_path("int8")), experimental_op_resolver_type=resolver)
        self.assertEqual(
            interpreter.get_signature_list(),
            {"serving_default": {"inputs": ["images"], "outputs": ["embeddings"]}},
        )
        embeddings = interpreter.get_signature_runner()(images=_images())["embeddings"]
        self.assertLess(np.abs(embeddings - _expected()).max(), 0.05)

    @parameterized.parameters([[1, 20, 20, 1]], [[1, 16, 16, 3]], [[16, 16, 1]])
    def test_other_input_sizes_are_refused(self, shape):
        with self.assertRaisesRegex(LiteError, r"takes images \[batch, 16, 16, 1\]; got \["):
            LiteNetwork(str(_path("float32")))(np.zeros(shape, np.float32))

    def test_unknown_weights(self):
        with self.assertRaisesRegex(LiteError, "stored as float32, float16, int8; got 'int4'"):
            convert(_network(), "int4")

    def test_an_operation_that_lite_has_not(self):
        images = tf.keras.Input([4, 4])
        model = tf.keras.Model(images, tf.linalg.svd(images, compute_uv=False))
        with self.assertRaisesRegex(LiteError, "TensorFlow Lite cannot hold this network: "):
            convert(model, "float32")

    def test_a_file_that_is_none(self):
        path = pictures.folder_for(self) / "none.tflite"
        for contents in (None, b"", b"something else"):
            if contents is not None:
                path.write_bytes(contents)
            with self.assertRaisesRegex(LiteError, "none.tflite is no network for TensorFlow Lite"):
                LiteNetwork(str(path))

    def test_is_an_error_for_the_user(self):
        self.assertTrue(issubclass(LiteError, UserError))


if __name__ == "__main__":
    tf.test.main()
