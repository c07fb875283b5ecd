"""What a run writes while it trains."""

from __future__ import annotations

import pathlib
import types

import numpy as np
import tensorflow as tf

from ccp.projection.projector import Projection
from experiments.run_callbacks import RunLog
from experiments.run_directory import RunDirectory


class RunLogTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.run_dir = RunDirectory(pathlib.Path(self.get_temp_dir()) / "run")
        self.run_dir.path.mkdir()
        scatter = types.SimpleNamespace(embeddings=np.ones([4, 3]), labels=np.arange(4), class_names=list("abcd"))
        self.log = RunLog(self.run_dir, lambda: scatter)

    def test_epochs_are_lines_and_repeated_ones_replace_the_first(self):
        self.log.on_train_begin({"epoch": 0})
        for epoch in range(3):
            self.log.on_epoch_end(epoch, {"step": 5 * (epoch + 1), "loss": 0.5})
        self.log.on_train_begin({"epoch": 2, "step": 10, "loss": 0.5})
        self.log.on_epoch_end(2, {"step": 15, "loss": 0.25})
        records = [{"epoch": 1, "step": 5, "loss": 0.5}, {"epoch": 2, "step": 10, "loss": 0.5}]
        self.assertEqual(self.run_dir.records(), [*records, {"epoch": 3, "step": 15, "loss": 0.25}])

    def test_projections_are_saved_whole(self):
        first, second = tf.zeros([2, 1, 3]), tf.ones([2, 1, 3])
        self.log.on_projection(Projection(0, 0.0, None, first))
        self.log.on_projection(Projection(1, 0.5, first, second))
        names = sorted(path.name for path in self.run_dir.projections.iterdir())
        self.assertEqual(names, ["0000.npz", "0001.npz"])
        with np.load(self.run_dir.projections / names[1]) as saved:
            self.assertAllEqual(saved["previous_proxies"], first)
            self.assertAllEqual(saved["proxies"], second)
            self.assertAllEqual(saved["embeddings"], np.ones([4, 3]))
            self.assertEqual(saved["class_names"].tolist(), list("abcd"))
            self.assertEqual(saved["proximal_weight"], 0.5)


if __name__ == "__main__":
    tf.test.main()
