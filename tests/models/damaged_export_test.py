"""Exported models that are damaged, or something else: an error in words."""

from __future__ import annotations

import shutil
import types

import tensorflow as tf
from absl.testing import parameterized

from models.serving import export
from models.serving.signatures import UINT8
from tests.support import pictures, served


class DamagedExportTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.version = pictures.folder_for(self) / "1"
        shutil.copytree(served.version(), self.version)

    @parameterized.parameters(
        ("variables/variables.data-00000-of-00001", r"SavedModel in .*1 cannot be loaded \([^\n]+\); export it with"),
        ("saved_model.pb", r"saved_model.pb cannot be read \([^\n]+\); export it with main.py export\.$"),
    )
    def test_a_file_that_is_cut_off(self, name, said):
        path = self.version / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
        with self.assertRaisesRegex(export.ExportError, said):
            export.load_exported(str(self.version))

    def test_info_of_something_else(self):
        (self.version / export.INFO_FILE).write_text("[1]")
        with self.assertRaisesRegex(export.ExportError, r"json cannot be read \(it holds something else\); export the"):
            export.read_info(str(self.version))

    def test_signatures_without_loading(self):
        names = export.signature_names(self.version) - {"__saved_model_init_op"}
        self.assertEqual(names, {"serving_default", "uint8", "encoded", "encoded_masked"})

    def test_no_network_for_another_gallery(self):
        for loaded in (
            types.SimpleNamespace(signatures={}, network=tf.Module()),
            types.SimpleNamespace(signatures={UINT8: None}),
        ):
            with self.assertRaisesRegex(export.ExportError, "keeps no network that another gallery could be given to"):
                export.with_gallery(loaded, None)
