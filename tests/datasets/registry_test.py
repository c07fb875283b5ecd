"""Every data set by name."""

import importlib

from absl.testing import absltest, parameterized

from datasets.manifest import Counts
from datasets.reading import load
from datasets.registry import DATA_SETS
from datasets.settings import DataSettings
from tests.support import photographs, pictures


class RegistryTest(parameterized.TestCase):
    @parameterized.parameters(*DATA_SETS)
    def test_modules(self, name):
        self.assertTrue(callable(importlib.import_module(DATA_SETS[name].module).load))
        self.assertEqual(bool(DATA_SETS[name].expected), name not in ("digits", "folder", "csv"))

    def test_digits(self):
        counts = load(DataSettings(dataset="digits")).counts()
        self.assertEqual(counts, {"train": Counts(901, 5), "test": Counts(896, 5)})

    def test_a_folder(self):
        folder = pictures.folder_for(self)
        photographs.write(folder, num_classes=6, per_class=2)
        manifest = load(DataSettings(dataset="folder", data_dir=str(folder), test_fraction=0.34))
        self.assertEqual(manifest.counts(), {"train": Counts(8, 4), "test": Counts(4, 2)})


if __name__ == "__main__":
    absltest.main()
