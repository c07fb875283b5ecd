"""What is exported, where to, and what it says to inputs it cannot serve."""

import json
import os
import pathlib
import shutil
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from tensorflow.core.protobuf import saved_model_pb2

from ccp.errors import UserError
from datasets.images.decoding import open_image
from datasets.images.image import read_all
from models.serving import export
from models.serving.gallery import Gallery
from tests.support import pictures, served


class SavedTest(parameterized.TestCase, tf.test.TestCase):
    def test_contents(self):
        version = served.version()
        self.assertEqual(json.loads((version / export.INFO_FILE).read_text()), served.INFO)
        self.assertEqual(export.read_info(str(served.exported())), served.INFO)
        self.assertEqual(os.listdir(served.exported()), ["1"])  # No *.unfinished is left.
        for name in ("saved_model.pb", "variables/variables.index", "assets.extra/tf_serving_warmup_requests"):
            self.assertTrue((version / name).is_file(), name)

    def test_signatures(self):
        self.assertEqual(set(served.signatures()), {"serving_default", "uint8", "encoded", "encoded_masked"})
        files = tf.TensorSpec([None], tf.string, "encoded_images")
        embeddings = {"embeddings": tf.TensorSpec([None, 6], tf.float32, "embeddings")}
        masked = {"ok": tf.TensorSpec([None], tf.bool, "ok"), "reasons": tf.TensorSpec([None], tf.string, "reasons")}
        for name, spec, outputs in (
            ("serving_default", tf.TensorSpec([None, None, None, 1], tf.float32, "images"), embeddings),
            ("uint8", tf.TensorSpec([None, None, None, 1], tf.uint8, "images"), embeddings),
            ("encoded", files, embeddings),
            ("encoded_masked", files, {**embeddings, **masked}),
        ):
            (argument,) = served.signatures()[name].structured_input_signature[1].values()
            self.assertEqual(argument, spec)
            self.assertEqual(served.signatures()[name].structured_outputs, outputs)

    def test_runs_no_python_and_holds_no_random_numbers(self):
        saved = saved_model_pb2.SavedModel.FromString((served.version() / "saved_model.pb").read_bytes())
        graph = saved.meta_graphs[0].graph_def
        operations = {node.op for node in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
        self.assertIn("DecodePng", operations)
        self.assertEmpty({op for op in operations if "PyFunc" in op or "Random" in op})
        # Whatever may fail says that it stays on one device: otherwise each call takes milliseconds to find out.
        functions = {function.signature.name: function for function in graph.library.function}
        mapped = {
            node.attr["f"].func.name
            for function in functions.values()
            for node in function.node_def
            if node.op == "ParallelMapDatasetV2"
        }
        self.assertNotEmpty(mapped)
        for name in mapped:
            self.assertTrue(functions[name].attr["experimental_ints_on_device"].b, name)

    def test_answers_in_a_session_as_in_serving(self):
        # TensorFlow Serving goes by the names of tensors in the signatures, and loads without Python's functions.
        images = served.digit_images(3)
        files, expected = [pictures.png_of(image) for image in images], served.expected(images)
        version = str(served.version())
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            definitions = tf.compat.v1.saved_model.load(session, ["serve"], version).signature_def

            def run(name, value):
                ((_, argument),) = definitions[name].inputs.items()
                outputs = {output: tensor.name for output, tensor in definitions[name].outputs.items()}
                return session.run(outputs, {argument.name: value})

            for name, value in (("uint8", images), ("serving_default", images / np.float32(255)), ("encoded", files)):
                self.assertAllClose(run(name, value)["embeddings"], expected, rtol=0, atol=1e-5)
                self.assertEqual(run(name, value[:0])["embeddings"].shape, (0, 6))
            self.assertAllEqual(run("encoded_masked", [files[0], b"no image"])["ok"], [True, False])
            with self.assertRaisesRegex(
                tf.errors.InvalidArgumentError, "positions 1 of the batch.*The file is no JPEG"
            ):
                run("encoded", [files[0], b"no image"])

    @parameterized.parameters("a version", "its directory")
    def test_either_directory_is_loaded(self, which):
        directory = served.version() if which == "a version" else served.exported()
        self.assertEqual(set(export.load_exported(str(directory)).signatures), set(served.signatures()))

    def test_loading_what_is_none(self):
        folder = pictures.folder_for(self)
        for directory in (folder, folder / "nowhere"):
            with self.assertRaisesRegex(export.ExportError, "holds no SavedModel; make one with: main.py export"):
                export.load_exported(str(directory))

    def test_loading_another_model(self):
        folder = pictures.folder_for(self)
        tf.saved_model.save(tf.Module(), str(folder / "other"))
        with self.assertRaisesRegex(export.ExportError, "has no signature 'encoded'"):
            export.load_exported(str(folder / "other"))

    def test_info_that_is_gone_or_damaged(self):
        folder = pictures.folder_for(self)
        tf.saved_model.save(tf.Module(), str(folder / "1"))
        for text in (None, "{"):
            if text:
                (folder / "1" / export.INFO_FILE).write_text(text)
            with self.assertRaisesRegex(export.ExportError, r"json cannot be read \(.*export the model again"):
                export.read_info(str(folder))

    def test_is_an_error_for_the_user(self):
        self.assertTrue(issubclass(export.ExportError, UserError))


class OtherGalleryTest(tf.test.TestCase):
    """The same network, with one gallery and then with another, none of which is known to the first version."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.images = served.digit_images(12)
        cls.files = [pictures.png_of(image) for image in cls.images]
        cls.embeddings = served.signatures()["encoded"](encoded_images=tf.constant(cls.files))["embeddings"].numpy()
        cls.versions = []
        source = str(served.exported())
        for chosen in (np.arange(12), np.array([3, 7])):
            gallery = Gallery([f"{n}.png" for n in chosen], [f"class {n % 2}" for n in chosen], cls.embeddings[chosen])
            model = export.with_gallery(export.load_exported(source), gallery)
            cls.versions.append(export.export_served(model, str(cls.folder), {"n": len(chosen)}))
            source = str(cls.folder)  # The second is made of the first one, which has a gallery already.
        cls.loaded = [export.load_exported(str(version)) for version in cls.versions]

    def test_is_the_next_version(self):
        self.assertEqual(self.versions, [self.folder / "1", self.folder / "2"])
        self.assertEqual(export.read_info(str(self.folder)), {"n": 2})

    def test_the_network_is_the_same_to_the_bit(self):
        for loaded in self.loaded:
            embeddings = loaded.signatures["encoded"](encoded_images=tf.constant(self.files))["embeddings"]
            np.testing.assert_array_equal(embeddings, self.embeddings)
            for variable, original in zip(loaded.network.weights, served.network().variables):
                np.testing.assert_array_equal(variable, original)

    def test_search(self):
        everything, two = (loaded.signatures["search"] for loaded in self.loaded)
        found = everything(encoded_images=tf.constant(self.files), k=tf.constant(3))
        distances = np.linalg.norm(self.embeddings[:, None].astype(np.float64) - self.embeddings, axis=2)
        order = np.argsort(distances, axis=1, kind="stable")[:, :3]
        self.assertAllEqual(found["ids"], [[f"{n}.png".encode() for n in row] for row in order])
        self.assertAllEqual(found["labels"], [[f"class {n % 2}".encode() for n in row] for row in order])
        self.assertAllClose(found["distances"], np.take_along_axis(distances, order, axis=1), rtol=0, atol=1e-6)
        self.assertAllEqual(order[:, 0], np.arange(12))
        # Of the two there are, however many are asked for, and none of the others.
        found = two(encoded_images=tf.constant(self.files[3:4]), k=tf.constant(99))
        self.assertAllEqual(found["ids"], [[b"3.png", b"7.png"]])
        # Embedded alone, an image may differ in the last bits.
        self.assertAllClose(found["distances"], [[0.0, distances[3, 7]]], rtol=0, atol=1e-6)

    def test_the_other_gallery_is_not_carried_along(self):
        size = sum(file.stat().st_size for file in (self.versions[0] / "variables").iterdir())
        self.assertLess(sum(file.stat().st_size for file in (self.versions[1] / "variables").iterdir()), size)

    def test_errors_and_empty_batches_of_search(self):
        search = self.loaded[0].signatures["search"]
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r"positions 1 of the batch.*cannot be read"):
            search(encoded_images=tf.constant([self.files[0], b"no image"]), k=tf.constant(1))
        for k in (0, -1):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "k must be at least 1"):
                search(encoded_images=tf.constant(self.files[:1]), k=tf.constant(k))
        # Of the 12 in the gallery. The files, none of which is an image, are not looked at.
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "12 neighbours of each of 83334 images; it may"):
            search(encoded_images=tf.constant([b""] * 83_334), k=tf.constant(2**31 - 1))
        found = search(encoded_images=tf.constant([], tf.string), k=tf.constant(5))
        for name in ("ids", "labels", "distances"):
            self.assertEqual(found[name].shape, [0, 5])


class InputsTest(parameterized.TestCase, tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.signatures = served.signatures()

    def embed(self, signature, images):
        (name,) = self.signatures[signature].structured_input_signature[1]
        return self.signatures[signature](**{name: tf.constant(images)})["embeddings"].numpy()

    @parameterized.parameters(np.nan, np.inf, -0.01, 1.01, 255.0)
    def test_floats_out_of_range(self, value):
        images = np.full((2, 8, 8, 1), 0.5, np.float32)
        images[1, 3, 4, 0] = value
        said = r"must lie in \[0, 1\].* at positions 1 of the batch.*signature .*uint8"
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, said):
            self.embed("serving_default", images)
        self.assertAllInRange(self.embed("serving_default", np.float32([[[[0.0]], [[1.0]]]])), -1.0, 1.0)

    def test_bad_images(self):
        good, other = (pictures.png_of(image) for image in served.digit_images(2))
        before = self.embed("encoded", [good, other])
        for bad in (b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", good[:-20]):
            said = r"positions 1, 3 of the batch, counted from 0, cannot be read. Position 1: The \w+"
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, said):
                self.embed("encoded", [good, bad, other, bad])
            masked = self.signatures["encoded_masked"](encoded_images=tf.constant([good, bad, other, bad]))
            self.assertAllEqual(masked["ok"], [True, False, True, False])
            self.assertAllEqual(masked["embeddings"][1::2], np.zeros([2, 6]))
            self.assertAllClose(masked["embeddings"][::2], before, rtol=0, atol=1e-6)
            self.assertAllEqual(masked["reasons"][::2], [b"", b""])
            self.assertRegex(masked["reasons"][1].numpy().decode(), r"^The .*\w$")
        self.assertAllEqual(self.embed("encoded", [good, other]), before)

    def test_none_but_bad_images(self):
        masked = self.signatures["encoded_masked"](encoded_images=tf.constant([b"one", b"two"]))
        self.assertAllEqual(masked["ok"], [False, False])
        self.assertAllEqual(masked["embeddings"], np.zeros([2, 6]))
        self.assertAllEqual(masked["reasons"], [b"The file is no JPEG or PNG image"] * 2)

    def test_many_positions_are_cut_short(self):
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r"positions 0, 1, .*, 18, 19, … of the batch"):
            self.embed("encoded", [b"bad"] * 30)

    @parameterized.parameters("serving_default", "uint8", "encoded", "encoded_masked")
    def test_no_images(self, signature):
        ((name, spec),) = self.signatures[signature].structured_input_signature[1].items()
        for side in (5, 0) if name == "images" else (None,):
            shape = [0, side, side, 1][: len(spec.shape)]
            answer = self.signatures[signature](**{name: tf.zeros(shape, spec.dtype)})
            self.assertEqual(answer["embeddings"].shape, [0, 6])
            self.assertTrue(all(len(value) == 0 for value in answer.values()))

    def test_images_without_pixels(self):
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "Images must have pixels"):
            self.embed("uint8", np.zeros([2, 0, 3, 1], np.uint8))

    def test_same_bits_every_time(self):
        files = [pictures.file_of(pictures.photograph().rotate(turn), "JPEG") for turn in range(6)]
        first = self.embed("encoded", files)
        for _ in range(3):
            np.testing.assert_array_equal(self.embed("encoded", files), first)

    @parameterized.parameters("L", "RGB", "CMYK")
    def test_jpeg_of_a_photograph(self, mode):
        # Larger than the network's input; its pixels as decoded, through the evaluation.
        file = pictures.file_of(pictures.photograph(mode), "JPEG")
        pixels = read_all(open_image(tf.constant(file), served.FORMAT.channels)).numpy()[np.newaxis]
        self.assertEqual(pixels.shape, (1, 427, 640, 1))
        expected = served.expected(pixels)
        for signature, images in (
            ("encoded", [file]),
            ("uint8", pixels),
            ("serving_default", pixels / np.float32(255)),
        ):
            self.assertAllClose(self.embed(signature, images), expected, rtol=0, atol=1e-5)

    def test_files_of_any_mode(self):
        kinds = (("1", "PNG"), ("P", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"))
        images = [pictures.photograph(mode) for mode, _ in kinds]
        grey = np.stack([np.asarray(image.convert("RGBA").convert("L")) for image in images])
        for kind, image, expected in zip(kinds, images, served.expected(grey[..., np.newaxis])):
            with self.subTest(kind):
                (embedding,) = self.embed("encoded", [pictures.file_of(image, kind[1])])
                self.assertAllClose(embedding, expected, rtol=0, atol=1e-5)

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
