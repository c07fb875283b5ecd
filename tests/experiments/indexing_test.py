"""What is derived from an index: made where the packages are installed, and never of another index."""

import functools
import json
from unittest import mock

import numpy as np
import pytest
from absl.testing import absltest

from datasets.files import OutputError
from evaluate.search.approximate import is_available
from experiments import indexing as module
from experiments.index_files import BusyError, derived_file, read_index, write_index
from experiments.indexing import Approximation, index_gallery, read_approximate
from models.serving.exported_model import ExportedModel
from tests.support import pictures, served

_load = functools.cache(ExportedModel)


class IndexingTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.output = self.folder / "index"
        self.enter_context(mock.patch.object(module, "ExportedModel", _load))
        for number, image in enumerate(served.digit_images(6)):
            self.write(f"{number % 2}/{number}.png", image)

    def write(self, name, image):
        path = self.folder / "gallery" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures.png_of(image))

    def index(self):
        return index_gallery(str(served.exported()), str(self.folder / "gallery"), str(self.output))

    def test_without_faiss(self):
        with mock.patch.object(module, "is_available", return_value=False):
            done, approximation = self.index()
            self.assertIsNone(approximation)
            self.assertIsNone(read_approximate(str(self.output)))
        self.assertLen(done.paths, 6)
        self.assertFalse((self.output / "index.faiss").exists())

    def test_with_faiss(self):
        """A stand-in writes a file; what is kept, renewed and refused is ours."""
        build = mock.Mock(return_value=mock.Mock(kind="HNSW32,Flat", recall=lambda gallery: 0.5))
        build.return_value.save.side_effect = lambda path: path.write_text("graph")
        load = mock.Mock(side_effect=RuntimeError)
        mocks = {"is_available": lambda: True, "build_approximate": build, "load_approximate": load}
        with mock.patch.multiple(module, **mocks):
            for _ in range(2):
                self.assertEqual(self.index()[1], Approximation("HNSW32,Flat", 0.5))
            build.assert_called_once()
            with self.assertRaisesRegex(OutputError, "is damaged; delete faiss.json there and run main.py index again"):
                read_approximate(str(self.output))
            self.write("2/new.png", served.digit_images(7)[6])
            self.index()
            self.assertLen(build.call_args.args[0], 7)
            self.assertEqual(build.call_count, 2)
        self.assertEqual(str(Approximation("Flat", 1.0)), "FAISS Flat, which finds 100.0% of the ten nearest")

    def test_of_an_index_that_has_changed_nothing_is_derived(self):
        with mock.patch.object(module, "is_available", return_value=False):
            self.index()
        index = read_index(self.output)
        write_index(self.output, index._replace(names=[f"new/{name}" for name in index.names]))
        other = derived_file(self.output, "index.faiss", index)
        with self.assertRaisesRegex(BusyError, "changed by another process"), other:
            self.fail("must not be entered")
        index = read_index(self.output)
        with derived_file(self.output, "index.faiss", index) as file:
            file.touch()
        self.assertTrue((self.output / "index.faiss").exists())

    def test_a_package_that_cannot_be_imported(self):
        error = mock.patch.object(module, "_write_parquet", side_effect=ImportError("needs NumPy 2"))
        found = mock.patch.object(module.importlib.util, "find_spec", return_value="found")
        missing = mock.patch.object(module, "is_available", return_value=False)
        with missing, error, found, self.assertLogs("ccp", "WARNING") as logs:
            self.assertLen(self.index()[0].paths, 6)
        self.assertIn("images.parquet is left out: needs NumPy 2", logs.output[0])

    def test_really(self):
        if not is_available():
            self.skipTest("faiss is not installed")
        done, approximation = self.index()
        self.assertEqual(approximation, Approximation("Flat", 1.0))
        self.assertIsNone(read_approximate(str(self.output)))  # It is no faster than the exact search.
        self.assertEqual(json.loads((self.output / "faiss.json").read_text())["kind"], "Flat")
        pyarrow_parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError)
        table = pyarrow_parquet.read_table(self.output / "images.parquet").to_pydict()
        self.assertEqual((table["name"], table["label"]), (done.index.names, done.index.labels))
        np.testing.assert_array_equal(np.array(table["embedding"], np.float32), done.embeddings)
