"""A run's scalars and figures, read back as TensorBoard reads them."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from ccp.projection.projector import Projection
from evaluate.geometry import geometry_by_projection
from experiments import board
from experiments.run_directory import RunDirectory
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


class BoardTest(tf.test.TestCase):
    def test_scalars_of_a_projection(self):
        (measured,) = geometry_by_projection([made_up_run.projection(1)])
        scalars = board.geometry_scalars(measured)
        self.assertEqual(scalars["radius_by_proxies"], measured["radius_by_proxies"])
        self.assertEqual(scalars["radius_by_centers/3"], measured["radius_by_centers"][2])
        self.assertContainsSubset({"radius_by_previous_proxies", "class_distance_min"}, scalars)
        self.assertNotIn("classes", scalars)

    def test_initialisation_projections_and_the_end(self):
        run, validated = RunDirectory(pictures.folder_for(self)), []
        logs = board.TensorBoard(run, lambda: validated[-1] if validated else None)
        _keep(run, 0)
        logs.on_projection(Projection(0, 0.0, None, tf.zeros([5, 3, 6])))
        validated.append(made_up_run.embedded([0, 1, 2, 10, 11, 12], [0, 0, 0, 1, 1, 1]))
        _keep(run, 1)
        logs.on_projection(Projection(1, 0.0, None, tf.zeros([5, 3, 6])))
        for epoch, record in enumerate(made_up_run.epochs(2, projected_at=(2,))):
            logs.on_epoch_end(epoch, record)
        board.show_unseen(run, validated[0], step=20)
        events = _events(run)
        # The initialisation at step 0, the projection with its epoch at step 20.
        for tag in ("projection", "geometry/radii", "geometry/class_distances", "geometry/radius_by_proxies"):
            self.assertEqual(events[tag], [0, 20], tag)
        for kind in ("embedding", "retrieval", "distances"):
            self.assertEqual(events[f"validation/{kind}"], [20])
            self.assertEqual(events[f"unseen/{kind}"], [20])
        self.assertEqual(events["loss"], [10, 20])
        self.assertEqual(events["distances/positive"], [10, 20])
        self.assertTrue((run.tensorboard / "projector_config.pbtxt").exists())


if __name__ == "__main__":
    tf.test.main()
