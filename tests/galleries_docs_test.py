"""The recipes of docs/galleries.md: those that need no server run."""

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

    @unittest.skipUnless(importlib.util.find_spec("qdrant_client"), "qdrant-client is not installed")
    def test_qdrant(self):
        nearest = self.run_recipe(_QDRANT)["nearest"]
        distances = np.linalg.norm(self.embeddings - self.embeddings[0], axis=1)
        order = np.argsort(distances)[:10]
        self.assertEqual([point.payload["name"] for point in nearest], [self.names[place] for place in order])
        np.testing.assert_allclose([point.score for point in nearest], distances[order], atol=1e-3)

    def test_vertex_file(self):
        self.run_recipe(_VERTEX)
        with open("vertex.json") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([line["id"] for line in lines], self.names)
        self.assertEqual(lines[4]["restricts"], [{"namespace": "label", "allow": ["1"]}])
        np.testing.assert_array_equal([line["embedding"] for line in lines], self.embeddings)

    def test_the_others_are_python(self):
        for recipe in (_PGVECTOR, _MILVUS):
            compile(recipe, "docs/galleries.md", "exec")

    def test_commands_and_flags_exist(self):
        lines = re.findall(r"main\.py (\w+)((?: +--[^ \n`]+)+)", _PAGE)
        self.assertLen(lines, 2)
        for word, arguments in lines:
            self.assertLessEqual(set(re.findall(r"--(\w+)", arguments)), {f.name for f in main.COMMANDS[word].flags})
