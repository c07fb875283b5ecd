"""Loading exported models, and the errors for directories that hold none, damaged ones, or others."""

import shutil

import tensorflow as tf
from absl.testing import parameterized

from models.serving.exported_model import INFO_FILE, ExportedModel, read_info
from models.serving.threshold import THRESHOLD_FILE
from models.serving.versions import ExportError
from tests.support import pictures, served


class ExportedModelTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.version = pictures.folder_for(self) / "a [copy]" / "1"

    def test_a_directory_of_versions_or_a_version(self):
        for directory in (served.exported(), served.exported() / "1"):
            model = ExportedModel(directory)
            self.assertEqual(model.directory, served.exported() / "1")
            self.assertIn("search", model.signatures)

    def test_fingerprints_differ_by_model(self):
        shutil.copytree(served.exported() / "1", self.version)
        first = ExportedModel(served.exported()).fingerprint
        (self.version / THRESHOLD_FILE).write_text("{}")  # It does not change embeddings.
        self.assertEqual(ExportedModel(self.version).fingerprint, first)
        (self.version / INFO_FILE).write_text("{")
        self.assertNotEqual(ExportedModel(self.version).fingerprint, first)
        with self.assertRaisesRegex(ExportError, r"cannot be read \(.*export the model again"):
            read_info(self.version)

    @parameterized.parameters("variables/variables.data-00000-of-00001", "saved_model.pb")
    def test_a_file_that_is_cut_off(self, name):
        shutil.copytree(served.exported() / "1", self.version)
        path = self.version / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
        with self.assertRaisesRegex(ExportError, r"1 cannot be loaded \([^\n]+\); export the model again"):
            ExportedModel(self.version)

    def test_another_model(self):
        tf.saved_model.save(tf.Module(), str(self.version))
        with self.assertRaisesRegex(ExportError, "has no signature 'encoded'"):
            ExportedModel(self.version)
