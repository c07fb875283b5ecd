"""Answers of a search as files and lines."""

import csv
import json

import numpy as np
from absl.testing import absltest

from ccp.errors import ConfigError
from experiments.answer_table import answer_lines, check_table, write_table
from experiments.search_images import Found
from tests.support import pictures

_PATHS = ["/g/a/1.png", "/g/a/2.png", "/g/b/3.png"]
_VERDICTS = ["same", "unsure", "different"]
# The query is in the gallery, and has no vote.
_FOUND = Found("/g/a/1.png", _PATHS, np.array([0.0, 0.25, 1.0]), "a", ["a", "a", "b"], _VERDICTS)


class AnswerTableTest(absltest.TestCase):
    def test_csv(self):
        with open(write_table([_FOUND, _FOUND], str(pictures.folder_for(self) / "found.csv"))) as file:
            rows = list(csv.DictReader(file))
        self.assertLen(rows, 6)
        expected = {"query": _PATHS[0], "voted_class": "a", "vote_share": "0.5", "place": "2", "path": _PATHS[1]}
        self.assertEqual(rows[1], {**expected, "class": "a", "distance": "0.25", "verdict": "unsure"})

    def test_json(self):
        path = write_table([_FOUND._replace(verdicts=None)], str(pictures.folder_for(self) / "found.json"))
        (record,) = json.loads(path.read_text())
        self.assertEqual((record["query"], record["voted_class"], record["vote_share"]), (_PATHS[0], "a", 0.5))
        self.assertEqual(record["found"][2], {"path": _PATHS[2], "class": "b", "distance": 1.0, "verdict": ""})

    def test_other_files(self):
        with self.assertRaisesRegex(ConfigError, r"--table must be a file that ends in \.csv or \.json; got 'a.png'"):
            check_table("a.png")

    def test_lines(self):
        lines = answer_lines(_FOUND).splitlines()
        self.assertEqual(lines[0], "/g/a/1.png  (most often a: 50%)")
        self.assertEqual(lines[2], "  0.2500  unsure     /g/a/2.png")
        unknown = answer_lines(_FOUND._replace(verdicts=None, class_names=["", "", ""])).splitlines()
        self.assertEqual(unknown[:2], ["/g/a/1.png", "  0.0000  /g/a/1.png"])
