"""Requests of more images than are embedded at once."""

import pathlib

import numpy as np
import tensorflow as tf

from tests.support import pictures, served


def _peak():
    """Megabytes that this process has held at most."""
    (line,) = [line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _embed(signature, images):
    (name,) = served.signatures()[signature].structured_input_signature[1]
    return served.signatures()[signature](**{name: tf.constant(images)})["embeddings"].numpy()


class ManyImagesTest(tf.test.TestCase):
    def test_in_several_blocks(self):
        # Blocks of 44; the bad ones are in the second and in the third.
        images, bad = served.digit_images(130), np.isin(np.arange(130), [50, 129])
        files, expected = np.array([pictures.png_of(image) for image in images], object), served.expected(images)
        floats = images / np.float32(255)
        for signature, given in (("uint8", images), ("serving_default", floats), ("encoded", files)):
            self.assertAllClose(_embed(signature, given), expected, rtol=0, atol=1e-5)
        files[bad], floats[bad] = b"no image", 1.5
        for signature, given in (("serving_default", floats), ("encoded", files)):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "positions 50, 129 of the batch"):
                _embed(signature, given)
        masked = served.signatures()["encoded_masked"](encoded_images=tf.constant(files))
        self.assertAllEqual(masked["ok"], ~bad)
        self.assertAllEqual(masked["reasons"] != b"", bad)
        self.assertAllClose(masked["embeddings"], np.where(bad[:, np.newaxis], 0, expected), rtol=0, atol=1e-5)

    def test_memory_does_not_grow_with_their_number(self):
        images = np.zeros([12_000, 1, 1, 1], np.uint8)
        _embed("uint8", images[:64])
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak is measured from here on.
        before = _peak()
        _embed("uint8", images)
        # As the network takes them in, they are 12 MB, and 200 MB after its first convolution.
        self.assertLess(_peak() - before, 30)
