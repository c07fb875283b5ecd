"""The report of runs on disk: what is gathered, how runs are named and grouped, and what is refused."""

from __future__ import annotations

import json
import pathlib
import shutil
from unittest import mock

import tensorflow as tf

import experiments.report
from ccp.errors import UserError
from datasets.files import read_json, save_json
from evaluate.metrics.registry import STANDARD
from experiments.mlrc_directory import MlrcDirectory
from experiments.report import write_report
from experiments.run_directory import RunDirectory, RunError
from tests.support import pictures, tiny_runs


class WriteReportTest(tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_dir = tiny_runs.digits("ccp/contrastive")
        cls.result = read_json(pathlib.Path(cls.run_dir) / "result.json")

    def copy(self, seed: int = 0) -> pathlib.Path:
        """A copy of the run, as if it had another seed."""
        copied = pictures.folder_for(self) / "run"
        shutil.copytree(self.run_dir, copied)
        settings = RunDirectory(copied).load_settings().replaced(seed=seed)
        save_json(copied / "settings.json", settings.flat())
        return copied

    def gathered(self, *run_dirs):
        """What is rendered for some runs."""
        with mock.patch.object(experiments.report, "render", return_value="") as render:
            write_report([str(run) for run in run_dirs], str(pictures.folder_for(self)))
        return render.call_args.args[0]

    def test_scores_and_geometry_are_those_of_the_run(self):
        page = write_report([self.run_dir], str(pictures.folder_for(self) / "made" / "page"))
        text = page.read_text()
        for metric in ("precision_at_1", "r_precision", "map_at_r"):
            self.assertIn(f"{100 * self.result['test'][metric]:.2f}", text)
        for sentence in self.result["protocol"].values():
            self.assertIn(sentence.replace("'", "&#39;"), text)
        (numbers,) = json.loads(page.with_name("numbers.json").read_text())
        for metric, score in numbers["scores"].items():
            self.assertEqual(score, self.result["test"][metric])
        # The initialisation, and one projection after the first of two epochs.
        self.assertEqual([at["projection"] for at in numbers["geometry_by_projection"]], [0, 1])
        training = numbers["geometry"]["training classes"]
        # 721 training images; the proxies of the best weights do not cover them as well as the best of the images do.
        self.assertEqual((training["examples"], training["classes"]), (721, 5))
        self.assertGreater(training["radius_by_proxies"], training["radius_by_centers"][1])

    def test_seeds_are_joined_and_the_first_finished_one_is_shown(self):
        unfinished, second, third = self.copy(seed=3), self.copy(seed=1), self.copy(seed=2)
        (unfinished / "result.json").unlink()
        changed = {"test": {**self.result["test"], "map_at_r": 0.125}, "no_projection": "none happened"}
        save_json(third / "result.json", {**self.result, **changed})
        report = self.gathered(unfinished, second, third)
        (group,) = report.groups
        self.assertEqual([run.name for run in group.runs], [f"ccp/contrastive, seed {seed}" for seed in (3, 1, 2)])
        self.assertEqual((group.name, group.shown.seed), ("ccp/contrastive", 1))
        self.assertEqual([run.evaluation is None for run in group.runs], [True, False, True])
        self.assertEqual([run.seed for run in group.scored], [1, 2])
        self.assertEqual(group.runs[2].scores["map_at_r"], 0.125)
        self.assertEqual([run.note for run in group.runs], ["", "", "none happened"])
        self.assertEqual(group.runs[2].best["epoch"], self.result["best_epoch"])
        self.assertAllClose(group.runs[1].scores["map_at_r"], self.result["test"]["map_at_r"])

    def test_a_protocol_is_its_runs_and_a_table(self):
        home = pictures.folder_for(self) / "mlrc"
        for repeat in range(2):
            for fold in range(1, 5):
                run = MlrcDirectory(home).run(fold, repeat)
                shutil.copytree(self.run_dir, run.path)
                settings = run.load_settings().replaced(seed=repeat, validation=f"fold{fold}")
                save_json(run.settings, settings.flat())
        summary = {"mean": 0.5, "deviation": 0.1, "interval_95": None, "count": 2}
        scores = {"embedding_size": 8, "published": None, "scores": dict.fromkeys(STANDARD, summary)}
        save_json(MlrcDirectory(home).result, {"repeats": 2, "separated": scores, "concatenated": scores})
        with mock.patch.object(experiments.report, "_evaluate", return_value=None):
            report = self.gathered(home, self.run_dir)
        names = [f"ccp/contrastive, validation fold{fold}" for fold in range(1, 5)]
        self.assertEqual([group.name for group in report.groups], [*names, "ccp/contrastive, validation images"])
        self.assertEqual([len(group.runs) for group in report.groups], [2, 2, 2, 2, 1])
        (protocol,) = report.protocols
        self.assertEqual((protocol.path, protocol.repeats), (str(home), 2))
        self.assertEqual(list(protocol.rows), ["separated, 8-D", "concatenated, 8-D"])

    def test_patterns(self):
        folder = self.copy().parent
        (folder / "notes").mkdir()
        with self.assertLogs("ccp", "WARNING") as logs:
            report = self.gathered(folder / "*")
        self.assertEqual([run.path for run in report.runs], [str(folder / "run")])
        self.assertIn(f"left out what is no run: {folder / 'notes'}", logs.output[0])

    def test_damaged_results_are_left_out(self):
        damaged = self.copy()
        (damaged / "result.json").write_text("{")
        with self.assertLogs("ccp", "WARNING") as logs:
            report = self.gathered(damaged, self.run_dir)
        self.assertEqual([run.path for run in report.runs], [self.run_dir])
        self.assertIn(f"left out: {damaged / 'result.json'} is damaged", logs.output[0])
        protocol = damaged.parent
        shutil.copytree(self.run_dir, protocol / "fold1-repeat0")
        (protocol / "mlrc.json").write_text("{")
        with self.assertLogs("ccp", "WARNING") as logs:
            report = self.gathered(protocol)
        self.assertEqual((len(report.runs), report.protocols), (1, []))

    def test_a_run_under_three_names_is_one(self):
        other = self.copy(seed=1)
        link = other.parent / "link"
        link.symlink_to(self.run_dir)
        detour = f"{self.run_dir}/../{pathlib.Path(self.run_dir).name}"
        report = self.gathered(self.run_dir, link, other, detour)
        self.assertEqual([run.path for run in report.runs], [self.run_dir, str(other)])
        self.assertFalse(report.different_data)

    def test_other_images_are_noticed(self):
        other = self.copy()
        data = read_json(other / "data.json")
        save_json(other / "data.json", {**data, "digest": "0" + data["digest"][1:]})
        (other / "result.json").unlink()
        shutil.rmtree(other / "checkpoints")
        shutil.rmtree(other / "projections")
        report = self.gathered(self.run_dir, other)
        self.assertTrue(report.different_data)
        self.assertEqual([run.evaluation is None for run in report.runs], [False, True])

    def test_a_run_without_a_result_is_evaluated_with_its_best_weights_so_far(self):
        other = self.copy()
        (other / "result.json").unlink()
        with mock.patch.object(experiments.report, "render", return_value="") as render:
            page = write_report([str(other)])
        self.assertEqual(page, other / "report" / "index.html")
        (run,) = render.call_args.args[0].runs
        self.assertFalse(run.finished)
        self.assertEqual(run.best["epoch"], self.result["best_epoch"])
        self.assertAllClose(run.evaluation.scores["map_at_r"].mean, self.result["test"]["map_at_r"])

    def test_refusals(self):
        folder = pictures.folder_for(self)
        with self.assertRaisesRegex(RunError, "holds no run"):
            write_report([str(folder)])
        with self.assertRaisesRegex(UserError, "at least one run"):
            write_report([])
        (folder / "file").write_text("")
        with self.assertRaisesRegex(UserError, "cannot be written to .*file"):
            write_report([self.run_dir], str(folder / "file"))


if __name__ == "__main__":
    tf.test.main()
