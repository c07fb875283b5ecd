"""The exported model in a process that has TensorFlow and nothing of this project."""

import shutil
import subprocess
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.serving import bare_process
from models.serving.bare_process import Sample, largest_difference
from models.serving.versions import ExportError
from tests.support import pictures, served

_PACKAGES = ("ccp", "models", "datasets", "evaluate", "experiments", "tests")
_CHECK = f"import importlib.util\nassert not any(map(importlib.util.find_spec, {_PACKAGES}))\n"


class BareProcessTest(parameterized.TestCase, tf.test.TestCase):
    def test_equals_the_evaluation(self):
        version = pictures.folder_for(self) / "a [copy]" / "1"  # TensorFlow would take its name as a pattern.
        shutil.copytree(served.exported() / "1", version)
        images = served.digit_images(5)
        sample = Sample([pictures.png_of(image) for image in images], served.expected(images))
        with mock.patch.object(bare_process, "_PROGRAM", _CHECK + bare_process._PROGRAM):
            self.assertLess(largest_difference(version, sample), 1e-6)

    @parameterized.parameters((0.01, True), (0.1, False), (np.nan, False))
    def test_differences_above_the_tolerance_are_refused(self, difference, accepted):
        def run(*_, cwd, **__):
            np.save(f"{cwd}/embeddings.npy", np.float32([[0.0, 0.0], [difference, 0.0]]))

        sample = Sample([b"one", b"two"], np.zeros([2, 2], np.float32), tolerance=0.05)
        with mock.patch.object(subprocess, "run", run):
            if accepted:
                self.assertAllClose(largest_difference(served.exported(), sample), difference)
            else:
                with self.assertRaisesRegex(ExportError, "differ from the training code's by up to .* at most 5e-02"):
                    largest_difference(served.exported(), sample)

    def test_a_model_that_does_not_load_there(self):
        failure = subprocess.CalledProcessError(1, "python", stderr="Traceback\nOSError: no such model")
        message = r"could not be tried in a separate process \(OSError: no such model\)"
        with mock.patch.object(subprocess, "run", side_effect=failure), self.assertRaisesRegex(ExportError, message):
            largest_difference(served.exported(), Sample([b""], np.zeros([1, 6])))
