"""Training without labels: what a run says of itself, and a run with labels that starts from it."""

from __future__ import annotations

import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from experiments.compare import collect
from experiments.experiment import Experiment
from experiments.presets import preset, preset_settings
from experiments.settings import configure
from models.weights.assignment import tensors_of
from tests.support import photographs, tiny_runs


class UnlabelledTest(tf.test.TestCase):
    def test_a_run_and_one_that_starts_from_it(self):
        photographs.decode_simply(type(self))
        home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(tf.io.gfile.rmtree, str(home))
        photographs.write(home / "images", num_classes=5, per_class=4)
        given = {"data_dir": str(home / "images"), "labels": "none", "loss": "nt_xent", "examples_per_class": 2}
        settings = configure(tiny_runs.ONE_STEP, given)
        result = tiny_runs.train_quickly(settings, home / "run")
        # 20 images: 4 each to select and to test.
        self.assertEqual(result["data"]["train"], {"images": 12, "classes": 12})
        self.assertEqual(result["data"]["test"], {"images": 8, "classes": 4})
        self.assertEqual((result["labels"], result["test_classes"]), ("none", "unseen images"))
        self.assertEqual(
            result["protocol"]["model_selection"],
            "best map_at_r on two augmented views of each held-out image, which are to find each other "
            "(8 views of 4 images)",
        )
        self.assertStartsWith(result["protocol"]["test"], "two augmented views of 4 images that were not trained on")
        (line,) = collect([str(home / "run")]).lines
        self.assertEqual(line.dataset, "folder, unseen images")
        with_labels = configure(
            tiny_runs.ONE_STEP, {"data_dir": str(home / "images"), "test_fraction": 0.0, "weights": str(home / "run")}
        )
        started = Experiment(with_labels)
        before = tensors_of(started.model)
        started.load_start_weights()
        changed = [name for name, values in tensors_of(started.model).items() if (values != before[name]).any()]
        self.assertIn("embedding/kernel", changed)

    def test_batches_hold_two_views_of_each_image(self):
        experiment = Experiment(preset_settings(dataset="digits", labels="none"))
        images, labels = next(experiment._batches(0, 0))
        self.assertAllEqual(labels[::2], labels[1::2])
        self.assertLen(set(labels.numpy()), 64)
        alike = np.isclose(images[::2], images[1::2], atol=1).all(axis=(1, 2, 3))
        self.assertLess(alike.sum(), 4)  # Two of the few boxes of 8 × 8 pixels may be the same.

    def test_preset(self):
        chosen = preset_settings(dataset="typefaces", labels="none")
        self.assertEqual((chosen.loss.loss, chosen.batch.size, chosen.data.validation), ("nt_xent", 128, "auto"))
        self.assertEqual(preset({"dataset": "typefaces", "labels": "none", "loss": "supcon"})["loss"], "supcon")
        self.assertEqual(
            (chosen.augmentation.rotation, chosen.augmentation.flip, chosen.augmentation.hue), (15, False, 0)
        )
        paper = preset_settings(dataset="cub", labels="none", conventional=True, weights="bn.h5")
        self.assertEqual((paper.augmentation.rotation, paper.augmentation.flip, paper.augmentation.hue), (0, True, 0.1))
        self.assertEqual((paper.batch.examples_per_class, paper.data.select_on_test), (2, False))


if __name__ == "__main__":
    tf.test.main()
