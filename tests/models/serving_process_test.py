"""The exported model in a process of its own, which knows nothing of this project."""

import io
import os
import subprocess
import sys
import unittest
import zipfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from datasets.benchmarks import omniglot
from tests.support import pictures, served

# Isolated (-I): neither the working directory nor PYTHONPATH is looked at.
_CLIENT = """
import sys

for name in ("ccp", "models.serving.export", "models.serving", "datasets.input.preprocessing", "evaluate.embedding"):
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} can be imported, so this would show nothing")

import numpy as np
import tensorflow as tf

signatures = tf.saved_model.load(sys.argv[1]).signatures
given = np.load("given.npz", allow_pickle=True)
files = list(given["files"])
embeddings = {}
for size in (1, 3, 7):
    images = given["images"][:size]
    batches = {"uint8": images, "serving_default": (images / 255.0).astype(np.float32), "encoded": files[:size]}
    for name, batch in batches.items():
        embeddings[f"{name}/{size}"] = signatures[name](tf.constant(batch))["embeddings"].numpy()

refusals = []
for name, batch in (
    ("encoded", [files[0], b"no image"]),
    ("serving_default", np.full((1, 8, 8, 1), 2.0, np.float32)),
    ("serving_default", np.full((1, 8, 8, 1), np.nan, np.float32)),
):
    try:
        signatures[name](tf.constant(batch))
    except tf.errors.InvalidArgumentError as error:
        refusals.append(error.message)

embeddings["after refusals"] = signatures["encoded"](tf.constant(files[:7]))["embeddings"].numpy()
for index, file in enumerate(given["others"]):
    embeddings[f"others/{index}"] = signatures["encoded"](tf.constant([file]))["embeddings"].numpy()
np.savez("embedded.npz", refusals=np.array(refusals), **embeddings)
"""


def _omniglot_file() -> list[bytes]:
    """One 1-bit PNG as distributed, if the zips are here."""
    try:
        path = pictures.omniglot_dir() / omniglot.TRAIN_ZIP
    except unittest.SkipTest:  # The other files are embedded without it.
        return []
    with zipfile.ZipFile(path) as archive:
        return [archive.read(next(name for name in archive.namelist() if name.endswith("_07.png")))]


class ServingProcessTest(parameterized.TestCase, tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = served.digit_images(7)
        cls.expected = served.expected(cls.images)
        cls.others = [
            pictures.file_of(pictures.photograph("1"), "PNG"),
            *_omniglot_file(),
        ]
        cls.embedded = cls.run_client()

    @classmethod
    def run_client(cls):
        folder = served.exported().parent / "client"
        folder.mkdir(exist_ok=True)
        files = np.array([pictures.png_of(image) for image in cls.images], object)
        np.savez(folder / "given.npz", images=cls.images, files=files, others=np.array(cls.others, object))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        client = subprocess.run(
            [sys.executable, "-I", "-c", _CLIENT, str(served.version())],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert client.returncode == 0, client.stderr
        with np.load(folder / "embedded.npz") as file:
            return {name: file[name] for name in file.files}

    @parameterized.product(signature=("serving_default", "uint8", "encoded"), size=(1, 3, 7))
    def test_equals_the_evaluation(self, signature, size):
        embeddings = self.embedded[f"{signature}/{size}"]
        self.assertEqual((embeddings.shape, embeddings.dtype), ((size, 6), np.float32))
        self.assertAllClose(embeddings, self.expected[:size], rtol=0, atol=1e-5)

    def test_refuses_and_serves_on(self):
        not_an_image, too_large, not_a_number = self.embedded["refusals"]
        self.assertIn("positions 1 of the batch, counted from 0, cannot be read", not_an_image)
        self.assertIn("The file is no JPEG or PNG image", not_an_image)
        for refusal in (too_large, not_a_number):
            self.assertIn("Float images must lie in [0, 1] and be finite", refusal)
        self.assertAllClose(self.embedded["after refusals"], self.expected, rtol=0, atol=1e-5)

    def test_other_files(self):
        for index, file in enumerate(self.others):
            # As datasets.benchmarks.omniglot decodes it.
            pixels = np.asarray(Image.open(io.BytesIO(file)).convert("L"))[np.newaxis, ..., np.newaxis]
            self.assertAllClose(self.embedded[f"others/{index}"], served.expected(pixels), rtol=0, atol=1e-5)

    def test_omniglot_is_among_them(self):
        pictures.omniglot_dir()
        self.assertLen(self.others, 3)
        self.assertEqual(Image.open(io.BytesIO(self.others[2])).mode, "1")
