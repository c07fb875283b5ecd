"""TensorBoard's projector and figures, read back as TensorBoard reads them."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector

from ccp.projection.projector import Projection
from evaluate.figures.tensorboard_projector import write_projector
from evaluate.geometry import radii_by_projection
from experiments import board
from experiments.run_callbacks import TensorBoard
from experiments.run_directory import RunDirectory
from tests.evaluate.embedded_test import embedded
from tests.support import made_up_run, pictures


def _events(run: RunDirectory) -> dict[str, list[int]]:
    """The steps at which each tag was written."""
    found: dict[str, list[int]] = {}
    for path in sorted(run.tensorboard.glob("events*")):
        for record in tf.data.TFRecordDataset(os.fspath(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(event.step)
    return found


def _keep(run: RunDirectory, index: int) -> None:
    run.projections.mkdir(exist_ok=True)
    entry = made_up_run.projection(index)
    del entry["index"]
    np.savez(run.projections / f"{index:04d}.npz", **entry)


class ProjectorTest(tf.test.TestCase):
    def test_files_fit_together(self):
        logs = pictures.folder_for(self)
        whole = embedded([0.5, -1.25, 1e-7, 3, 4], [0, 0, 1, 1, 1])
        config = text_format.Parse(write_projector(logs, whole, "unseen").read_text(), projector.ProjectorConfig())
        (entry,) = config.embeddings
        self.assertEqual(entry.tensor_name, "unseen")
        vectors = [line.split("\t") for line in (logs / entry.tensor_path).read_text().splitlines()]
        self.assertAllClose(np.array(vectors, float), whole.embeddings, rtol=1e-5, atol=0.0)
        lines = (logs / entry.metadata_path).read_text().splitlines()
        self.assertEqual(lines[:2], ["class\timage", "class 0\timage 0"])
        self.assertEqual(lines[5], "class 1\timage 4")
        self.assertLen(lines, 1 + 5)
        # 5 pictures in 3 columns are 2 rows. Each is 6 × 4 of one brightness, so 48 high and 32 wide, on white.
        sprite = np.asarray(Image.open(logs / entry.sprite.image_path))
        side_x, side_y = entry.sprite.single_image_dim
        self.assertEqual((sprite.shape, side_x, side_y), ((2 * 48, 3 * 48, 3), 48, 48))
        for index in range(5):
            top, left = index // 3 * 48, index % 3 * 48
            self.assertAllEqual(sprite[top : top + 48, left + 8 : left + 40], np.full((48, 32, 3), index))
            self.assertAllEqual(sprite[top : top + 48, left : left + 8], np.full((48, 8, 3), 255))

    def test_names_do_not_break_lines_and_columns(self):
        logs = pictures.folder_for(self)
        whole = embedded([1, 2], [0, 1])
        whole = dataclasses.replace(whole, examples=dataclasses.replace(whole.examples, class_names=("a\tb\nc", "")))
        write_projector(logs, whole, "all")
        lines = (logs / "projector" / "all" / "metadata.tsv").read_text().splitlines()
        self.assertEqual(lines[1:], ["a b c\timage 0", "–\timage 1"])

    def test_many_examples_are_thinned_out(self):
        logs = pictures.folder_for(self)
        write_projector(logs, embedded(np.arange(2100) % 7, np.arange(2100) % 21, size=(1, 1, 1)), "all")
        rows = (logs / "projector" / "all" / "tensors.tsv").read_text().splitlines()
        # 95 of the 100 examples of each of 21 classes: 2,000 // 21.
        self.assertLen(rows, 95 * 21)
        self.assertLessEqual(max(Image.open(logs / "projector" / "all" / "sprite.png").size), 8192)


class BoardTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.run_dir = RunDirectory(pictures.folder_for(self))

    def test_scalars_are_those_of_the_last_projection(self):
        self.assertEqual(board.geometry_scalars(self.run_dir), {})
        for index in range(2):
            _keep(self.run_dir, index)
        scalars = board.geometry_scalars(self.run_dir)
        (last,) = radii_by_projection([made_up_run.projection(1)])
        self.assertAlmostEqual(scalars["radius_by_proxies"], last["after"], places=6)
        self.assertAlmostEqual(scalars["radius_by_previous_proxies"], last["before"], places=6)
        self.assertContainsSubset({"radius_by_centers/1", "radius_by_centers/3", "class_distance_min"}, scalars)
        self.assertNotIn("classes", scalars)

    def test_initialisation_projections_and_the_end(self):
        validated = embedded([0, 1, 2, 10, 11, 12], [0, 0, 0, 1, 1, 1])
        names, seen = [f"class {label}" for label in range(5)], []

        def shown():
            seen.append(1)
            return board.projection_figures(self.run_dir, names, validated if len(seen) > 1 else None)

        nothing = np.zeros(2)
        logs = TensorBoard(
            self.run_dir, lambda: (nothing, nothing), shown, lambda: board.geometry_scalars(self.run_dir)
        )
        for index in (0, 1):
            _keep(self.run_dir, index)
            logs.on_projection(Projection(index, 0.0, None, tf.zeros([5, 3, 6])))
            for record in made_up_run.epochs(2, projected_at=(2,))[index : index + 1]:
                logs.on_epoch_end(record.pop("epoch") - 1, record)
        board.show_unseen(self.run_dir, validated, step=20)
        events = _events(self.run_dir)
        # The initialisation at step 0, the projection with its epoch at step 20.
        for tag in ("projection", "geometry/radii", "geometry/class_distances", "geometry/radius_by_proxies"):
            self.assertEqual(events[tag], [0, 20], tag)
        for kind in ("embedding", "retrieval", "distances"):
            self.assertEqual(events[f"validation/{kind}"], [20])
            self.assertEqual(events[f"unseen/{kind}"], [20])
        self.assertEqual(events["loss"], [10, 20])
        self.assertTrue((self.run_dir.tensorboard / "projector_config.pbtxt").exists())


if __name__ == "__main__":
    tf.test.main()
