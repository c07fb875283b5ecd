"""Runs side by side."""

from __future__ import annotations

import contextlib
import csv
import io
import pathlib
import types

import tensorflow as tf

from ccp.errors import UserError
from datasets.files import save_json
from experiments.commands.compare import compare
from experiments.compare import collect
from experiments.comparison_table import csv_table, latex_table, text_table
from experiments.mlrc_directory import MlrcDirectory
from experiments.run_directory import RunDirectory
from experiments.setting_groups import setting_groups
from experiments.settings import all_settings, configure


def _text(patterns) -> str:
    return text_table(collect(patterns))


def _scores(score: float) -> dict[str, float]:
    return {"precision_at_1": score, "r_precision": score, "map_at_r": score}


class CompareTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.get_temp_dir())

    def _run(self, name: str, score: float | None, before: float | None = None, why: str | None = None, **settings):
        run = RunDirectory(self.home / name)
        run.path.mkdir()
        save_json(run.settings, configure(settings).flat())
        if score is not None:
            rows = {} if before is None else {"untrained": {"test": _scores(before)}}
            result = {"test": _scores(score), "test_classes": "unseen classes"}
            save_json(run.result, {**result, "no_projection": why, "before_training": rows})

    def test_seeds_are_joined_and_settings_kept_apart(self):
        self._run("a", 0.1, loss="contrastive", seed=0)
        self._run("b", 0.3, loss="contrastive", seed=1, data_dir="elsewhere")
        self._run("c", 0.5, loss="ccp/contrastive", seed=0)
        self._run("d", 0.6, loss="ccp/contrastive", seed=0, batch_weight=1.0)
        self._run("e", None, loss="triplet")
        table = _text([str(self.home / "*")])
        lines = table.splitlines()
        # Of 10 and 30 the mean is 20, and the sample deviation sqrt(2 · 10²) = 14.14.
        self.assertRegex(lines[1], r"^digits contrastive \(2 seeds\) +20\.00 ± 14\.14 +20\.00 ± 14\.14 ")
        self.assertRegex(lines[2], r"^digits ccp/contrastive batch_weight=0\.1 \(1 seed\) +50\.00 ")
        self.assertRegex(lines[3], r"^digits ccp/contrastive batch_weight=1\.0 \(1 seed\) +60\.00 ")
        self.assertEqual(lines[4], f"left out: {self.home / 'e'}: no finished run")

    def test_sums_are_named_with_their_weights_and_the_hyperparameters_that_differ(self):
        loss = "ccp/triplet+0.5*softmax"
        self._run("a", 0.1, loss=loss)
        self._run("b", 0.3, loss=loss, margin=0.5)
        self._run("c", 0.3, loss="ccp/triplet+0.25*softmax")
        lines = _text([str(self.home / "*")]).splitlines()
        for line, name in zip(lines[1:], (f"{loss} margin=0.0961", f"{loss} margin=0.5", "ccp/triplet+0.25*softmax")):
            self.assertStartsWith(line, f"digits {name} (1 seed)")

    def test_what_changes_no_number_separates_no_seeds(self):
        # Settings with which a run may be resumed, each with another value than its default.
        others = {
            "strategy": "mirrored",
            "worker_timeout": 5.0,
            "data_dir": "d",
            "manifest": "m",
            "cache": "memory",
            "on_bad_image": "skip",
            "allow_subset": True,
            "log": "csv",
        }
        may_change = {name for name, described in all_settings().items() if described.may_change}
        self.assertEqual(set(others), may_change)
        for seed, (name, value) in enumerate(others.items()):
            self._run(name, 0.1, loss="contrastive", dataset="csv", seed=seed, **{name: value})
        self._run("none", 0.1, loss="contrastive", dataset="csv", seed=len(others))
        self.assertIn(f"csv contrastive ({len(others) + 1} seeds)", _text([str(self.home / "*")]))
        self.assertLen(setting_groups([RunDirectory(self.home / name) for name in others]), 1)  # The report's.

    def test_a_run_counts_once_and_a_broken_one_not_at_all(self):
        self._run("a", 0.1, loss="contrastive", seed=0)
        self._run("b", 0.3, loss="contrastive", seed=0)
        self._run("c", 0.5, loss="contrastive", seed=1)
        (self.home / "c" / "settings.json").write_text('{"steps": 3}')
        lines = _text([str(self.home / "*"), f"{self.home}/a/"]).splitlines()
        self.assertRegex(lines[1], r"^digits contrastive \(1 seed\) +10\.00 ")
        self.assertIn("b: same settings and seed as another one", lines[2])
        self.assertRegex(lines[3], "c: .*settings.json is not what this version writes: Unknown setting 'steps'")

    def _two_losses(self):
        for seed, base, better in ((0, 0.1, 0.2), (1, 0.3, 0.28), (2, 0.2, 0.24)):
            self._run(f"a{seed}", base, loss="contrastive", seed=seed)
            self._run(f"b{seed}", better, loss="ccp/contrastive", seed=seed)
        self._run("b3", 0.9, loss="ccp/contrastive", seed=3)  # Without a partner.

    def test_lines_are_paired_by_seed(self):
        self._two_losses()
        lines = _text([str(self.home / "*")]).splitlines()
        self.assertRegex(lines[0], r"P@1 +P@R +MAP@R +MAP@R above the first$")
        self.assertRegex(lines[1], r"^digits contrastive \(3 seeds\) .* 20\.00 ± 10\.00$")
        # 10, −2 and 4 points: mean 4, deviation sqrt((36 + 36 + 0) / 2) = 6.
        self.assertRegex(lines[2], r"^digits ccp/contrastive \(4 seeds\) .* \+4\.00 ± 6\.00, for 2 of 3 seeds$")

    def test_networks_before_training_have_a_row_each(self):
        for seed, before in enumerate((0.1, 0.3)):
            self._run(f"a{seed}", 0.5, before, loss="contrastive", seed=seed)
        for seed, before in enumerate((0.1, 0.3, 0.5)):  # One seed more of the same network.
            self._run(f"b{seed}", 0.6, before, loss="ccp/contrastive", seed=seed)
        lines = _text([str(self.home / "*")]).splitlines()
        self.assertRegex(lines[1], r"^digits untrained \(3 seeds\) +30\.00 ± 20\.00 +\S+ ± \S+ +30\.00 ± 20\.00$")
        self.assertRegex(lines[2], r"^digits contrastive \(2 seeds\) +50\.00")
        self.assertRegex(
            lines[3], r"^digits ccp/contrastive \(3 seeds\) +60\.00 .* \+10\.00 ± 0\.00, for 2 of 2 seeds$"
        )
        self.assertLen(lines, 4)
        # Another network starts from other scores.
        self._run("c0", 0.7, 0.2, loss="contrastive", seed=0, width=8)
        comparison = collect([str(self.home / "*")])
        names = [row["name"] for row in csv.DictReader(io.StringIO(csv_table(comparison)))]
        self.assertEqual(
            names,
            [
                "digits contrastive width=64, untrained",
                "digits contrastive width=64",
                "digits ccp/contrastive width=64",
                "digits contrastive width=8, untrained",
                "digits contrastive width=8",
            ],
        )
        trained = [row["trained"] for row in csv.DictReader(io.StringIO(csv_table(comparison)))]
        self.assertEqual(trained, ["no", "yes", "yes", "no", "yes"])
        self.assertIn(r"digits contrastive width=8, untrained (1 seed) & 20.00 & 20.00", latex_table(comparison))

    def test_runs_without_a_projection_are_named(self):
        for seed, why in enumerate(("no projection happened: A", None, "no projection happened: A")):
            self._run(f"a{seed}", 0.5, why=why, loss="ccp/contrastive", seed=seed)
        comparison = collect([str(self.home / "*")])
        note = "digits ccp/contrastive, seed 0, 2: no projection happened: A"
        self.assertEqual(text_table(comparison).splitlines()[-1], note)
        self.assertEndsWith(latex_table(comparison), f"% {note}")
        (row,) = csv.DictReader(io.StringIO(csv_table(comparison)))
        self.assertEqual(row["seeds_without_projection"], "2")

    def test_csv(self):
        self._two_losses()
        rows = list(csv.DictReader(io.StringIO(csv_table(collect([str(self.home / "*")])))))
        self.assertEqual([row["name"] for row in rows], ["digits contrastive", "digits ccp/contrastive"])
        self.assertEqual([row["seeds"] for row in rows], ["3", "4"])
        self.assertAlmostEqual(float(rows[0]["map_at_r_mean"]), 0.2)
        self.assertEqual(rows[0]["map_at_r_above_first_mean"], "")
        self.assertAlmostEqual(float(rows[1]["map_at_r_above_first_mean"]), 0.04)
        self.assertEqual((rows[1]["map_at_r_above_first_seeds"], rows[1]["map_at_r_above_first_of_seeds"]), ("2", "3"))

    def test_csv_names_what_is_left_out_beside_the_table(self):
        self._run("a", 0.1, loss="contrastive")
        self._run("b", None, loss="triplet")
        out = io.StringIO()
        with contextlib.redirect_stdout(out), self.assertLogs("ccp", "WARNING") as logs:
            compare(types.SimpleNamespace(format="csv"), [str(self.home / "*")])
        self.assertIn(f"left out: {self.home / 'b'}: no finished run", logs.output[0])
        self.assertLen(out.getvalue().splitlines(), 2)

    def test_latex(self):
        self._run("a", 0.1, loss="multi_similarity", seed=0)
        self._run("b", 0.3, loss="multi_similarity", seed=1)
        table = latex_table(collect([str(self.home / "*")]))
        self.assertIn(r"digits multi\_similarity (2 seeds) & 20.00 $\pm$ 14.14 & 20.00 $\pm$ 14.14 &", table)
        self.assertEqual(table.count(r"\\"), 2)
        self.assertTrue(table.startswith(r"\begin{tabular}{lrrrr}"))
        self.assertTrue(table.endswith(r"\end{tabular}"))

    def _protocol(self, name: str, finished: bool = True, seed: int = 0):
        """Two repeats of four folds; the models' scores are 0.01 to 0.04 above 0.5 and 0.7, and 0.1 and 0.2 before."""
        home = self.home / name
        home.mkdir()
        for repeat, score in enumerate((0.5, 0.7)):
            for fold in range(1, 5):
                settings = {"loss": "contrastive", "seed": seed + repeat, "validation": f"fold{fold}"}
                before = 0.1 * (1 + repeat)
                self._run(f"{name}/fold{fold}-repeat{repeat}", score + 0.01 * fold, before, **settings)
        concatenated = {"mean": 0.8, "deviation": 0.1, "interval_95": [0.7, 0.9], "count": 16}
        scores = dict.fromkeys(("precision_at_1", "r_precision", "map_at_r"), concatenated)
        if finished:
            sizes = {name: {"embedding_size": size} for name, size in (("separated", 128), ("concatenated", 512))}
            sizes["concatenated"]["scores"] = scores
            save_json(MlrcDirectory(home).result, {"repeats": 2, **sizes})

    def test_a_protocol_is_two_lines_beside_runs(self):
        self._run("a0", 0.5, loss="contrastive", seed=0)
        self._run("a1", 0.8, loss="contrastive", seed=1)
        self._protocol("mlrc")
        # A third repeat that has begun since.
        self._run("mlrc/fold1-repeat2", 0.9, loss="contrastive", seed=2, validation="fold1")
        self._run("mlrc/fold2-repeat2", None, loss="contrastive", seed=2, validation="fold2")
        lines = _text([str(self.home / "*")]).splitlines()
        self.assertRegex(lines[1], r"^digits contrastive \(2 seeds\) ")
        self.assertRegex(lines.pop(2), r"^digits untrained \(2 seeds\) +15\.00 ± 7\.07 ")
        # Means of four: 0.525 and 0.725; their mean, and deviation 0.2 / √2; 2.5 above and 7.5 below the runs.
        line = (
            r"^digits contrastive mlrc=separated, 128-D \(2 seeds\) +62\.50 ± 14\.14 .*-2\.50 ± 7\.07, for 1 of 2 seeds"
        )
        self.assertRegex(lines[2], line)
        self.assertRegex(
            lines[3],
            r"^digits contrastive mlrc=concatenated, 512-D \(16 combinations\) +80\.00 ± 10\.00( +80.00 ± 10.00){2}$",
        )
        self.assertLen(lines, 4)
        rows = list(csv.DictReader(io.StringIO(csv_table(collect([str(self.home / "mlrc")])))))
        self.assertEqual([(row["seeds"], row["map_at_r_deviation"]) for row in rows][2], ("0", "0.1"))
        self.assertIn(r"& 80.00 $\pm$ 10.00 &", latex_table(collect([str(self.home / "mlrc")])))

    def test_protocols_of_other_seeds_are_joined(self):
        self._protocol("a")
        self._protocol("b", seed=2)
        lines = _text([str(self.home / "*")]).splitlines()
        self.assertRegex(lines[2], r"^digits contrastive mlrc=separated, 128-D \(4 seeds\) +62\.50 ")
        self.assertEqual(
            lines[4:], [f"left out: {self.home / 'b'}: concatenated, as another protocol has the same settings"]
        )

    def test_an_unfinished_protocol(self):
        self._run("a", 0.5, loss="contrastive", seed=0)
        self._protocol("mlrc", finished=False)
        (self.home / "mlrc" / "fold4-repeat1" / "result.json").unlink()
        self.assertIn("mlrc: its protocol is not finished: 7 models are; resume", _text([str(self.home / "*")]))

    def test_nothing_to_compare(self):
        self._run("e", None, loss="triplet")
        with self.assertRaisesRegex(UserError, "No finished run"):
            _text([str(self.home / "e")])
        with self.assertRaisesRegex(UserError, "There is no run"):
            _text([str(self.home / "f")])


if __name__ == "__main__":
    tf.test.main()
