"""The signatures of an exported model against the evaluation, and what they say to inputs that they refuse."""

import pathlib

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.distances import lipschitz_normalize
from datasets.images.decoding import open_image
from datasets.images.image import read_all
from datasets.input.preprocessing import evaluation_image
from models.serving.joined_networks import JoinedNetworks
from tests.support import pictures, served


def _embed(signature, images):
    (name,) = served.signatures()[signature].structured_input_signature[1]
    return served.signatures()[signature](**{name: tf.constant(images)})["embeddings"].numpy()


def _peak():
    """Megabytes that this process has held at most."""
    (line,) = [line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


class EmbeddingsTest(parameterized.TestCase, tf.test.TestCase):
    def test_equal_the_evaluation_in_several_blocks(self):
        # Blocks of 44; the bad ones are in the second and in the third.
        images, bad = served.digit_images(130), np.isin(np.arange(130), [50, 129])
        files, expected = np.array([pictures.png_of(image) for image in images], object), served.expected(images)
        floats = images / np.float32(255)
        for signature, batch in (("uint8", images), ("serving_default", floats), ("encoded", files)):
            for number in (130, 1):
                self.assertAllClose(_embed(signature, batch[:number]), expected[:number], rtol=0, atol=1e-5)
        files[bad], floats[bad] = b"no image", 1.5
        for signature, batch in (("serving_default", floats), ("encoded", files)):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "positions 50, 129 of the batch"):
                _embed(signature, batch)
        masked = served.signatures()["encoded_masked"](encoded_images=tf.constant(files))
        self.assertAllEqual(masked["ok"], ~bad)
        self.assertAllEqual(masked["reasons"] != b"", bad)
        self.assertAllClose(masked["embeddings"], np.where(bad[:, np.newaxis], 0, expected), rtol=0, atol=1e-5)

    def test_memory_does_not_grow_with_the_number_of_images(self):
        images = np.zeros([12_000, 1, 1, 1], np.uint8)
        _embed("uint8", images[:64])
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak is measured from here on.
        before = _peak()
        _embed("uint8", images)
        # As the network takes them, they are 12 MB, and 200 MB after its first convolution.
        self.assertLess(_peak() - before, 30)

    @parameterized.parameters("L", "RGB", "CMYK")
    def test_a_jpeg_photograph(self, mode):
        file = pictures.file_of(pictures.photograph(mode), "JPEG")
        image = open_image(tf.constant(file), served.FORMAT.channels)
        pixels = read_all(image).numpy()[np.newaxis]
        self.assertEqual(pixels.shape, (1, 427, 640, 1))
        self.assertAllClose(_embed("uint8", pixels), served.expected(pixels), rtol=0, atol=1e-5)
        # Of the file a lower resolution is enough, as in evaluation.
        prepared = evaluation_image(image, served.FORMAT)[tf.newaxis]
        expected = lipschitz_normalize(served.network()(prepared, training=False))
        self.assertAllClose(_embed("encoded", [file]), expected, rtol=0, atol=1e-5)

    def test_png_files_of_any_mode_and_size_in_one_batch(self):
        images = [pictures.photograph(mode) for mode in ("P", "RGBA")]
        images += [pictures.photograph("L").resize(size) for size in ((9, 30), (1, 70))]
        embeddings = _embed("encoded", [pictures.file_of(image, "PNG") for image in images])
        for image, embedding in zip(images, embeddings):
            grey = np.asarray(image.convert("RGBA").convert("L"))[np.newaxis, ..., np.newaxis]
            self.assertAllClose(embedding, served.expected(grey)[0], rtol=0, atol=1e-5)

    def test_norms_are_at_most_1(self):
        norms = np.linalg.norm(_embed("uint8", served.digit_images(60)), axis=1)
        self.assertAllInRange(norms, 0.0, 1.0 + 1e-6)
        # Some were above 1 and are on the sphere, others are inside as they were.
        self.assertBetween((norms > 1 - 1e-6).mean(), 0.2, 0.8)

    def test_joined_networks(self):
        # Normalised each, side by side; the exported model normalises the whole.
        networks = [tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Rescaling(a)]) for a in (0.5, 2.0)]
        self.assertAllClose(JoinedNetworks(networks)(tf.constant([[0.6, 0.8]]), training=False), [[0.3, 0.4, 0.6, 0.8]])


class RefusalsTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(np.nan, np.inf, -0.01, 1.01, 255.0)
    def test_floats_out_of_range(self, value):
        images = np.full((2, 8, 8, 1), 0.5, np.float32)
        images[1, 3, 4, 0] = value
        said = r"must be finite and in \[0, 1\].* at positions 1 of the batch.*signature .*uint8"
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, said):
            _embed("serving_default", images)

    def test_bad_files(self):
        good, other = (pictures.png_of(image) for image in served.digit_images(2))
        before = _embed("encoded", [good, other])
        for bad in (b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", good[:-20]):
            said = r"positions 1, 3 of the batch, counted from 0, cannot be read. Position 1: The \w+"
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, said):
                _embed("encoded", [good, bad, other, bad])
            masked = served.signatures()["encoded_masked"](encoded_images=tf.constant([good, bad, other, bad]))
            self.assertAllEqual(masked["ok"], [True, False, True, False])
            self.assertAllEqual(masked["embeddings"][1::2], np.zeros([2, 6]))
            self.assertAllClose(masked["embeddings"][::2], before, rtol=0, atol=1e-6)
        masked = served.signatures()["encoded_masked"](encoded_images=tf.constant([b"one", b"two"]))
        self.assertAllEqual(masked["embeddings"], np.zeros([2, 6]))

    @parameterized.parameters("serving_default", "uint8", "encoded", "encoded_masked")
    def test_no_images(self, signature):
        ((name, spec),) = served.signatures()[signature].structured_input_signature[1].items()
        for side in (5, 0) if name == "images" else (None,):
            shape = [0, side, side, 1][: len(spec.shape)]
            answer = served.signatures()[signature](**{name: tf.zeros(shape, spec.dtype)})
            self.assertEqual(answer["embeddings"].shape, [0, 6])
            self.assertTrue(all(len(value) == 0 for value in answer.values()))


class SearchTest(tf.test.TestCase):
    def test_bad_images_and_none(self):
        search, file = served.signatures()["search"], pictures.png_of(served.digit_images(1)[0])
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r"positions 1 of the batch.*cannot be read"):
            search(encoded_images=tf.constant([file, b"no image"]), k=tf.constant(1))
        found = search(encoded_images=tf.constant([], tf.string), k=tf.constant(5))
        one_each = dict.fromkeys(("voted_labels", "vote_shares"), (0,))
        shapes = {name: tuple(value.shape) for name, value in found.items()}
        self.assertEqual(shapes, {**dict.fromkeys(found, (0, 5)), **one_each})
