"""What is exported, where to, and what it says to inputs it cannot serve."""

import json
import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from tensorflow.core.protobuf import saved_model_pb2

from ccp.errors import UserError
from datasets.images.decoding import read_window
from datasets.images.windows import whole
from datasets.preprocessing import ImageFormat
from models import export
from tests.datasets import pictures
from tests.models import served


class SavedTest(parameterized.TestCase, tf.test.TestCase):
    def test_contents(self):
        directory = served.exported()
        self.assertEqual(json.loads((directory / export.INFO_FILE).read_text()), served.INFO)
        self.assertEqual(os.listdir(directory.parent), ["model"])  # No *.unfinished is left.

    def test_signatures(self):
        signatures = export.load_exported(str(served.exported())).signatures
        self.assertEqual(set(signatures), {"serving_default", "uint8", "encoded"})
        for name, spec in (
            ("serving_default", tf.TensorSpec([None, None, None, 1], tf.float32, "images")),
            ("uint8", tf.TensorSpec([None, None, None, 1], tf.uint8, "images")),
            ("encoded", tf.TensorSpec([None], tf.string, "encoded_images")),
        ):
            (argument,) = signatures[name].structured_input_signature[1].values()
            self.assertEqual(argument, spec)
            self.assertEqual(
                signatures[name].structured_outputs, {"embeddings": tf.TensorSpec([None, 6], tf.float32, "embeddings")}
            )

    def test_runs_no_python(self):
        saved = saved_model_pb2.SavedModel.FromString((served.exported() / "saved_model.pb").read_bytes())
        graph = saved.meta_graphs[0].graph_def
        operations = {node.op for node in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
        self.assertIn("DecodeImage", operations)
        self.assertEmpty({op for op in operations if "PyFunc" in op})


class WhereTest(parameterized.TestCase, tf.test.TestCase):
    """Over a stand-in for the network, which is quick to save."""

    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        inputs = tf.keras.Input((4, 4, 1))
        self.model = tf.keras.Model(inputs, tf.keras.layers.Flatten()(inputs))
        self.format = ImageFormat(4, 4, 1)

    def export(self, directory):
        export.export(self.model, self.format, str(directory), {"n": 1})

    def test_an_empty_directory_is_taken(self):
        # Here the working directory, which has no name of its own in the path that is passed.
        (self.folder / "model").mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder / "model")
        self.export(".")
        self.assertTrue((self.folder / "model" / "saved_model.pb").exists())

    def test_a_full_directory_is_refused_and_left_alone(self):
        kept = self.folder / "model" / "kept.txt"
        kept.parent.mkdir()
        kept.write_text("mine")
        with self.assertRaisesRegex(export.ExportError, "model exists already; pass another --export_dir, or delete"):
            self.export(kept.parent)
        self.assertEqual(sorted(self.folder.rglob("*")), [kept.parent, kept])

    def test_a_file_is_refused(self):
        (self.folder / "model").write_text("mine")
        with self.assertRaisesRegex(export.ExportError, "exists already"):
            self.export(self.folder / "model")

    def test_what_a_killed_export_left_is_replaced(self):
        folder = self.folder / "made" / "on the way"
        left = folder / "model.unfinished" / "variables"
        left.mkdir(parents=True)
        (left / "torn").write_bytes(b"half")
        self.export(folder / "model")
        self.assertEqual(os.listdir(folder), ["model"])
        self.assertEmpty(list(folder.rglob("torn")))

    def test_loading_what_is_none(self):
        for directory in (self.folder, self.folder / "nowhere"):
            with self.assertRaisesRegex(export.ExportError, "holds no SavedModel; make one with: main.py export"):
                export.load_exported(str(directory))

    def test_loading_another_model(self):
        tf.saved_model.save(tf.Module(), str(self.folder / "other"))
        with self.assertRaisesRegex(export.ExportError, "has no signature 'encoded'"):
            export.load_exported(str(self.folder / "other"))

    def test_is_an_error_for_the_user(self):
        self.assertTrue(issubclass(export.ExportError, UserError))


class InputsTest(parameterized.TestCase, tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.signatures = export.load_exported(str(served.exported())).signatures

    def embed(self, signature, images):
        return self.signatures[signature](tf.constant(images))["embeddings"].numpy()

    @parameterized.parameters(np.nan, np.inf, -0.01, 1.01, 255.0)
    def test_floats_out_of_range(self, value):
        images = np.full((2, 8, 8, 1), 0.5, np.float32)
        images[1, 3, 4, 0] = value
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r"must lie in \[0, 1\].*signature .*uint8"):
            self.embed("serving_default", images)
        self.assertAllInRange(self.embed("serving_default", np.float32([[[[0.0]], [[1.0]]]])), -1.0, 1.0)

    @parameterized.parameters(b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0")
    def test_bytes_that_are_no_image(self, contents):
        good = pictures.png_of(served.digit_images(1)[0])
        before = self.embed("encoded", [good])
        with self.assertRaises(tf.errors.InvalidArgumentError):
            self.embed("encoded", [good, contents])
        self.assertAllEqual(self.embed("encoded", [good]), before)

    @parameterized.parameters("L", "RGB", "CMYK")
    def test_jpeg_of_a_photograph(self, mode):
        # Larger than the network's input; its pixels as decoded, through the evaluation.
        file = pictures.file_of(pictures.photograph(mode), "JPEG")
        pixels = read_window(tf.constant(file), whole, served.FORMAT.channels).numpy()[np.newaxis]
        self.assertEqual(pixels.shape, (1, 427, 640, 1))
        for signature, images in (
            ("encoded", [file]),
            ("uint8", pixels),
            ("serving_default", pixels / np.float32(255)),
        ):
            self.assertAllClose(self.embed(signature, images), served.expected(pixels), rtol=0, atol=1e-5)

    @parameterized.parameters(("1", "PNG"), ("P", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("P", "GIF"), ("RGB", "BMP"))
    def test_files_of_any_mode(self, mode, file_format):
        image = pictures.photograph(mode)
        pixels = np.asarray(image.convert("RGBA").convert("L"))[np.newaxis, ..., np.newaxis]
        embeddings = self.embed("encoded", [pictures.file_of(image, file_format)])
        self.assertAllClose(embeddings, served.expected(pixels), rtol=0, atol=1e-5)

    def test_files_of_different_sizes_in_one_batch(self):
        images = [
            np.asarray(pictures.photograph("L").resize(size))[..., np.newaxis] for size in ((9, 30), (1, 70), (5, 5))
        ]
        embeddings = self.embed("encoded", [pictures.png_of(image) for image in images])
        for embedding, image in zip(embeddings, images):
            self.assertAllClose(embedding, served.expected(image[np.newaxis])[0], rtol=0, atol=1e-5)

    def test_norms_are_at_most_1(self):
        norms = np.linalg.norm(self.embed("uint8", served.digit_images(60)), axis=1)
        self.assertAllInRange(norms, 0.0, 1.0 + 1e-6)
        # Some were above 1 and are on the sphere, others are inside as they were.
        self.assertBetween((norms > 1 - 1e-6).mean(), 0.2, 0.8)
