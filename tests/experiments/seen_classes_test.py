"""A run that trains on all classes: compared, reported, evaluated, and loaded to be exported."""

from __future__ import annotations

import pathlib
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf

import experiments.report
from evaluate.report.captions import embedding_figures
from experiments.compare import collect
from experiments.evaluation import write_evaluation
from experiments.report import write_report
from experiments.restored import restore_run
from experiments.settings import configure
from experiments.trained_network import load_trained_network
from tests.support import photographs, tiny_runs


class SeenClassesTest(tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        photographs.decode_simply(cls)
        cls.home = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(tf.io.gfile.rmtree, str(cls.home))
        photographs.write(cls.home / "images", num_classes=5, per_class=5)
        settings = configure(tiny_runs.ONE_STEP, {"data_dir": str(cls.home / "images"), "test_fraction": 0.0})
        cls.run_dir = str(cls.home / "run")
        cls.result = tiny_runs.train_quickly(settings, cls.run_dir)

    def test_scores_are_of_seen_classes_wherever_they_are(self):
        self.assertEqual(self.result["test_classes"], "seen classes")
        for split in ("test", "validation"):
            record, _ = write_evaluation(restore_run(self.run_dir), split)
            self.assertEqual(record["split_classes"], "seen classes")
            self.assertEqual(record["retrieval"]["num_queries"], 5)
        (line,) = collect([self.run_dir]).lines
        self.assertEqual((line.name, line.dataset), ("folder, seen classes contrastive", "folder, seen classes"))

    def test_the_report_shows_what_was_held_out(self):
        with mock.patch.object(experiments.report, "render", return_value="") as render:
            write_report([self.run_dir])
        (run,) = render.call_args.args[0].runs
        evaluation = run.evaluation
        self.assertEqual(evaluation.test_classes, "seen classes")
        self.assertAllEqual(evaluation.held_out.labels, np.arange(5))
        self.assertLen(evaluation.test, 5 + 15)
        self.assertEqual(list(evaluation.geometry), ["seen classes", "training classes"])
        self.assertStartsWith(
            next(embedding_figures(evaluation, tsne=False)).caption, "Seen classes: 5 of 5 test images"
        )
        self.assertEqual(evaluation.scores["map_at_r"].mean, self.result["test"]["map_at_r"])

    def test_it_can_be_exported(self):
        trained = load_trained_network(self.run_dir)
        self.assertEqual(trained.info["test"], self.result["test"])
        self.assertEqual(trained.info["test_classes"], "seen classes")
        self.assertLen(trained.sample.files, 8)


if __name__ == "__main__":
    tf.test.main()
