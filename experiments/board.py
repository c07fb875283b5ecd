"""A run in TensorBoard: scalars, histograms and the last projection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from ccp.projection.projector import Projection
from evaluate.embedded import Embedded
from evaluate.figures import draw_projections, to_png
from evaluate.geometry import geometry_by_projection, pair_distances
from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory


class TensorBoard(tf.keras.callbacks.Callback):
    """Writes scalars and distance histograms of each epoch, the geometry of each projection, and pictures of some.

    Args:
      run: the directory.
      validated: the validation examples by the network as it is now.
    """

    def __init__(self, run: RunDirectory, validated: Callable[[], Embedded]):
        super().__init__()
        self._writer = tf.summary.create_file_writer(str(run.tensorboard))
        self._run, self._validated = run, validated
        self._step, self._unseen = 0, False

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Takes the step where training begins."""
        self._step = (logs or {}).get("step", 0)

    def on_projection(self, projection: Projection) -> None:
        """Remembers it until its step is known."""
        self._unseen = True

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Shows the proxies that training begins with."""
        if self._unseen:
            with self._writer.as_default(step=self._step):
                self._show_projection()
            self._writer.flush()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes one point of every curve."""
        embedded = self._validated()
        with self._writer.as_default(step=logs["step"]):
            for name, value in logs.items():
                if name != "step":
                    tf.summary.scalar(name, float(value))
            distances = pair_distances(embedded.embeddings, embedded.labels)
            for name, values in zip(("positive", "negative"), distances):
                tf.summary.histogram(f"distances/{name}", values)
            if self._unseen:
                self._show_projection()
        self._writer.flush()

    def _show_projection(self) -> None:
        self._unseen = False
        projections = read_projections(self._run, newest=1)
        (measured,) = geometry_by_projection(projections)
        for name, value in measured.items():
            if isinstance(value, float):
                tf.summary.scalar(f"geometry/{name}", value)
        index = int(projections[0]["index"])
        if index & (index - 1):  # Drawing takes longer than an epoch may: pictures of 0, 1, 2, 4, 8, …
            return
        picture = tf.io.decode_png(to_png(draw_projections(projections)), channels=3)
        tf.summary.image("projection", picture[tf.newaxis])
