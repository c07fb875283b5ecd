"""Every data set by name."""

import importlib

from absl.testing import parameterized

from datasets.registry import DATA_SETS


class RegistryTest(parameterized.TestCase):
    @parameterized.parameters(*DATA_SETS)
    def test_modules(self, name):
        self.assertTrue(callable(importlib.import_module(DATA_SETS[name].module).load))
        self.assertEqual(bool(DATA_SETS[name].expected), name not in ("digits", "folder", "csv"))
