"""The study's list of trainings, the small result that is kept of one, and what is made of results."""

from __future__ import annotations

import json
import pathlib
from unittest import mock

import numpy as np
import tensorflow as tf

from benchmarks.study import __main__ as study
from benchmarks.study import summary
from benchmarks.study.curves import draw_validation
from benchmarks.study.run import command, make, result_file, small_result
from benchmarks.study.runs import DATA_SETS, RUNS, STAGES, Run
from experiments.presets import preset_settings
from experiments.run_directory import RunDirectory
from experiments.settings import refuse_without_effect
from tests.support import tiny_runs

DIGITS = Run("tune", "digits", "c2-ccp", "c2", 0, {"loss": "ccp/contrastive"})


class RunsTest(tf.test.TestCase):
    def test_every_run_has_settings_that_train_takes(self):
        for run in RUNS:
            given = {**DATA_SETS[run.dataset], **run.flags, "seed": run.seed}
            refuse_without_effect(given, preset_settings(**given))

    def test_names_are_unique_and_bases_are_runs(self):
        names = [(run.stage, run.name) for run in RUNS]
        self.assertLen(set(names), len(names))
        for run in RUNS:
            self.assertIn(run.stage, STAGES)
            self.assertIn((run.stage, run._replace(row=run.base).name), names)

    def test_what_is_confirmed_was_not_tuned_on(self):
        sets = {stage: {run.dataset for run in RUNS if run.stage == stage} for stage in STAGES}
        self.assertEmpty(sets["tune"] & sets["confirm"])


class RunTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.get_temp_dir())

    def test_command(self):
        run = next(run for run in RUNS if run.dataset == "cub_half")
        given = command(run, pathlib.Path("data"), self.home / "run")
        self.assertContainsSubset(
            {"main.py", "train", "--data_dir=data/cub_half", "--manifest=data/cub_half/manifest.csv", "--seed=0"},
            set(given),
        )
        self.assertIn(f"--run_dir={self.home / 'run'}", given)

    def test_what_is_kept_of_a_run(self):
        directory = RunDirectory(tiny_runs.digits("ccp/contrastive"))
        kept = small_result(DIGITS, directory, {"wall": 2.04, "processor": 3.06})
        self.assertEqual(json.loads(json.dumps(kept)), kept)
        self.assertEqual(kept["seconds"], {"wall": 2.0, "processor": 3.1})
        self.assertEqual((kept["epochs"], kept["projections"], kept["projected_after"]), (2, 1, [1]))
        result = json.loads(directory.result.read_text())
        self.assertNear(kept["test"]["map_at_r"], result["test"]["map_at_r"], 1e-5)
        scores = [record["map_at_r"] for record in directory.records()]
        self.assertAllClose(kept["validation"]["map_at_r"], scores, atol=1e-5)
        self.assertEqual(list(kept["before_training"]), ["untrained"])
        self.assertEqual(kept["settings"]["loss"], "ccp/contrastive")
        self.assertNotIn("data_dir", kept["settings"])  # Where data are on a machine is nobody's business.
        self.assertLen(kept["geometry"], 2)
        self.assertIsNone(kept["geometry"][0]["radius_by_previous_proxies"])
        self.assertGreater(kept["geometry"][1]["radius_by_previous_proxies"], 0)

    def test_the_time_of_a_resumed_run_is_not_known(self):
        finished = pathlib.Path(tiny_runs.digits("ccp/contrastive"))
        with (
            mock.patch("benchmarks.study.run.DATA_SETS", {"digits": {"dataset": "digits"}}),
            mock.patch("subprocess.call", return_value=0),
        ):
            line = make(DIGITS, self.home, finished, self.home / "results")
        self.assertIn("1 projections", line)
        self.assertIsNone(json.loads(result_file(self.home / "results", DIGITS).read_text())["seconds"])

    def test_a_failed_run_keeps_nothing_and_the_next_is_made(self):
        made = []

        def fail_first(run, data_dir, run_dir, results):
            made.append(run.name)
            if len(made) == 1:
                raise RuntimeError("no")
            return run.name

        arguments = ["study", "tune", "--data_dir=d", "--runs_dir=r", f"--results_dir={self.home}", "--only=*-c2-seed0"]
        with mock.patch("sys.argv", arguments), mock.patch.object(study, "make", fail_first):
            self.assertEqual(study.main(), 1)
        self.assertEqual(made, ["typefaces-c2-seed0", "cub_half-c2-seed0"])

    def test_runs_with_a_result_are_left_out(self):
        run = next(run for run in RUNS if run.name == "typefaces-c2-seed0")
        result_file(self.home, run).parent.mkdir()
        result_file(self.home, run).write_text("{}")
        for name in (run.name, "cub_half-c2-seed0"):
            (self.home / "runs" / "tune" / name).mkdir(parents=True)
        arguments = ["study", "tune", "--data_dir=d", f"--runs_dir={self.home}/runs", f"--results_dir={self.home}"]
        arguments.append("--only=*-c2-seed0")
        with mock.patch("sys.argv", arguments), mock.patch.object(study, "make") as make_run:
            self.assertEqual(study.main(), 0)
            self.assertEqual([call.args[0].name for call in make_run.call_args_list], ["cub_half-c2-seed0"])
            make_run.reset_mock()
            with mock.patch("sys.argv", [*arguments, "--again"]):
                study.main()
            self.assertLen(make_run.call_args_list, 2)
        # Trained anew, and resumed.
        self.assertEqual([path.name for path in (self.home / "runs" / "tune").iterdir()], ["cub_half-c2-seed0"])

    def test_a_training_that_fails_says_where_its_output_is(self):
        with mock.patch("subprocess.call", return_value=3), self.assertRaisesRegex(RuntimeError, "output.txt says why"):
            make(next(iter(RUNS)), self.home, self.home / "run", self.home)


def result(base, score, processor=100.0, validation=(0.1, 0.2, 0.3, 0.4), projections=0):
    return {
        "base": base,
        "before_training": {},
        "test": {"precision_at_1": score, "r_precision": score**2, "map_at_r": score},
        "validation": {"map_at_r": list(validation)},
        "seconds": {"processor": processor, "wall": 1.0},
        "projections": projections,
    }


class SummaryTest(tf.test.TestCase):
    def test_epochs_that_fit_in_the_time_of_the_base(self):
        # 4 epochs took 200 s, of which 120 s allow 2: 0.3 is their best, and 0.25 the base's.
        run = result("c2", 0, 200.0, [0.3, 0.2, 0.5, 0.6])
        self.assertNear(summary.difference_at_equal_time(run, result("c2", 0, 120.0, [0.25, 0.2])), 0.05, 1e-9)

    def test_table(self):
        rows = {
            "c2": {0: result("c2", 0.5), 1: result("c2", 0.6), 2: result("c2", 0.9)},
            "c2-ccp": {0: result("c2", 0.52, projections=3), 1: result("c2", 0.66, projections=4)},
        }
        base, ccp = summary.table(rows).splitlines()[2:]
        self.assertStartsWith(base, "| c2 | 3 | 66.67 ± 20.82 |")
        self.assertIn("| 59.00 ± 9.90 |", ccp)
        # Of seeds 0 and 1: 2 and 6, mean 4, deviation √8; Student's quantile of one degree of freedom is 12.706.
        half = 12.7062 * np.sqrt(8) / np.sqrt(2)
        self.assertIn(f"| +4.00 [{4 - half:+.2f}, {4 + half:+.2f}] | +0.00 [+0.00, +0.00] | 3.5 | 1.7 |", ccp)

    def test_scores_before_training_are_counted_once_for_each_seed(self):
        starts = {seed: {"untrained": {"test": result("c2", 0.1 * (seed + 1))["test"]}} for seed in range(2)}
        rows = {row: {seed: {**result("c2", 0.5), "before_training": starts[seed]} for seed in starts} for row in "ab"}
        self.assertIn("| untrained | 2 | 15.00 ± 7.07 |", summary.table(rows))

    def test_one_seed_without_a_base_yet(self):
        self.assertIn("| 50.00 |  |  | 0 | 1.7 |", summary.table({"c2-ccp": {0: result("c2", 0.5)}}))

    def test_kept_results_are_read_and_drawn(self):
        home = pathlib.Path(self.get_temp_dir())
        run = next(run for run in RUNS if run.name == "typefaces-c2-seed0")
        result_file(home, run).parent.mkdir()
        result_file(home, run).write_text(json.dumps(result("c2", 0.5)))
        found = summary.read_results(home, "tune")
        self.assertEqual(list(found), ["typefaces"])
        curves = dict(summary.validation_curves(found["typefaces"], ["c2", "c2-ccp"]))
        self.assertAllClose(curves, {"c2": [[10, 20, 30, 40]]})
        axes = draw_validation({"typefaces": curves}).axes[0]
        self.assertAllClose(axes.lines[0].get_ydata(), [10, 20, 30, 40])


if __name__ == "__main__":
    tf.test.main()
