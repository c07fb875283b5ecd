"""Runs side by side."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from ccp.config import configure
from ccp.errors import UserError
from ccp.runs import RunDirectory, write_json
from evaluate.compare import compare_runs


class CompareTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.get_temp_dir())

    def _run(self, name: str, score: float | None, **settings):
        run = RunDirectory(self.home / name)
        run.path.mkdir()
        write_json(run.config, configure(settings).to_dict())
        if score is not None:
            write_json(run.result, {"test": {"precision_at_1": score, "r_precision": score, "map_at_r": score}})

    def test_seeds_are_joined_and_settings_kept_apart(self):
        self._run("a", 0.1, loss="contrastive", seed=0)
        self._run("b", 0.3, loss="contrastive", seed=1, data_dir="elsewhere")
        self._run("c", 0.5, loss="ccp/contrastive", seed=0)
        self._run("d", 0.6, loss="ccp/contrastive", seed=0, batch_weight=1.0)
        self._run("e", None, loss="triplet")
        table = compare_runs([str(self.home / "*")])
        lines = table.splitlines()
        # Of 10 and 30 the mean is 20, and the sample deviation sqrt(2 · 10²) = 14.14.
        self.assertRegex(lines[1], r"^digits contrastive \(2 seeds\) +20\.00 ± 14\.14 +20\.00 ± 14\.14 ")
        self.assertRegex(lines[2], r"^digits ccp/contrastive batch_weight=0\.1 \(1 seed\) +50\.00 ")
        self.assertRegex(lines[3], r"^digits ccp/contrastive batch_weight=1\.0 \(1 seed\) +60\.00 ")
        self.assertEqual(lines[4], f"left out: {self.home / 'e'}: no finished run")

    def test_a_run_counts_once_and_a_broken_one_not_at_all(self):
        self._run("a", 0.1, loss="contrastive", seed=0)
        self._run("b", 0.3, loss="contrastive", seed=0)
        self._run("c", 0.5, loss="contrastive", seed=1)
        (self.home / "c" / "config.json").write_text('{"loop": {"steps": 3}}')
        lines = compare_runs([str(self.home / "*"), f"{self.home}/a/"]).splitlines()
        self.assertRegex(lines[1], r"^digits contrastive \(1 seed\) +10\.00 ")
        self.assertIn("b: same settings and seed as another one", lines[2])
        self.assertRegex(lines[3], "c: .*config.json is not what this version writes: Unknown setting 'steps'")

    def test_nothing_to_compare(self):
        self._run("e", None, loss="triplet")
        with self.assertRaisesRegex(UserError, "No finished run"):
            compare_runs([str(self.home / "e")])
        with self.assertRaisesRegex(UserError, "There is no run"):
            compare_runs([str(self.home / "f")])


if __name__ == "__main__":
    tf.test.main()
