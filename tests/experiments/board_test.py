"""A run's scalars and figures, read back as TensorBoard reads them."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from ccp.projection.projector import Projection
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
    def test_initialisation_epochs_and_projection(self):
        run = RunDirectory(pictures.folder_for(self))
        validated = made_up_run.embedded([0, 1, 2, 10, 11, 12], [0, 0, 0, 1, 1, 1])
        logs = board.TensorBoard(run, lambda: validated)
        _keep(run, 0)
        logs.on_projection(Projection(0, 0.0, None, tf.zeros([5, 3, 6])))
        for epoch, record in enumerate(made_up_run.epochs(2, projected_at=(2,))):
            logs.on_epoch_begin(epoch)
            if record["projected"]:
                _keep(run, 1)
                logs.on_projection(Projection(1, 0.0, None, tf.zeros([5, 3, 6])))
            logs.on_epoch_end(epoch, record)
        events = _events(run)
        # The initialisation at step 0, the projection with its epoch at step 20.
        for tag in ("projection", "geometry/radius_by_proxies", "geometry/class_distance_min"):
            self.assertEqual(events[tag], [0, 20], tag)
        self.assertEqual(events["geometry/radius_by_previous_proxies"], [20])
        self.assertEqual(events["loss"], [10, 20])
        self.assertEqual(events["distances/positive"], [10, 20])

    def test_a_projection_as_a_finished_run_is_extended_is_shown_where_it_trains_on(self):
        run = RunDirectory(pictures.folder_for(self))
        logs = board.TensorBoard(run, lambda: made_up_run.embedded([0, 1, 10, 11], [0, 0, 1, 1]))
        _keep(run, 1)
        logs.on_train_begin({"epoch": 3, "step": 30})
        logs.on_projection(Projection(1, 0.0, None, tf.zeros([5, 3, 6])))
        logs.on_epoch_begin(3)
        logs.on_epoch_end(3, {"step": 40, "projected": False})
        self.assertEqual(_events(run)["projection"], [30])

    def test_of_many_projections_those_of_powers_of_two_are_drawn_and_all_are_measured(self):
        run = RunDirectory(pictures.folder_for(self))
        logs = board.TensorBoard(run, lambda: made_up_run.embedded([0, 1, 10, 11], [0, 0, 1, 1]))
        for index in range(4):
            _keep(run, index)
            projection = Projection(index, 0.0, None, tf.zeros([5, 3, 6]))
            logs.on_projection(projection)
            if not index:
                logs.on_epoch_begin(0)
            else:
                logs.on_epoch_end(index - 1, {"step": 10 * index, "projected": True})
        events = _events(run)
        self.assertEqual(events["projection"], [0, 10, 20])
        self.assertEqual(events["geometry/radius_by_proxies"], [0, 10, 20, 30])


if __name__ == "__main__":
    tf.test.main()
