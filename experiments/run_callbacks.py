"""What a run writes while it trains: metrics, projections and TensorBoard, as Keras callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.projection.projector import Projection
from datasets.files import written_whole
from experiments.run_directory import RunDirectory


class RunLog(tf.keras.callbacks.Callback):
    """Writes metrics and projections into the run's directory.

    Args:
      run: the directory.
      scatter: the current embeddings and labels of a fixed set, [num, embedding_size] and [num]; saved beside the
        proxies of each projection, to be drawn and measured.
    """

    def __init__(self, run: RunDirectory, scatter: Callable[[], tuple[np.ndarray, np.ndarray]]):
        super().__init__()
        self._run, self._scatter = run, scatter

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Drops the lines of epochs that will be repeated."""
        self._run.rewind(logs)

    def on_projection(self, projection: Projection) -> None:
        """Saves what is needed to draw the projection."""
        embeddings, labels = self._scatter()
        self._run.projections.mkdir(exist_ok=True)
        contents = {
            "embeddings": embeddings,
            "labels": labels,
            "proxies": projection.proxies.numpy(),
            "proximal_weight": projection.proximal_weight,
        }
        if projection.previous_proxies is not None:
            contents["previous_proxies"] = projection.previous_proxies.numpy()
        with written_whole(self._run.projections / f"{projection.index:04d}.npz") as path, open(path, "wb") as file:
            np.savez_compressed(file, **contents)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Adds the epoch's line."""
        self._run.append({"epoch": epoch + 1, **logs})


class TensorBoard(tf.keras.callbacks.Callback):
    """Writes scalars, distance histograms and figures for TensorBoard.

    Args:
      run: the directory.
      pair_distances: the current distances of the positive and of the negative pairs of the validation set.
      figures: PNG files by name, shown at the start and after each projection.
      geometry: scalars by name, shown then too.
    """

    def __init__(
        self,
        run: RunDirectory,
        pair_distances: Callable[[], tuple[np.ndarray, np.ndarray]],
        figures: Callable[[], Mapping[str, bytes]],
        geometry: Callable[[], Mapping[str, float]] = dict,
    ):
        super().__init__()
        self._writer = tf.summary.create_file_writer(str(run.tensorboard))
        self._pair_distances, self._figures, self._geometry = pair_distances, figures, geometry

    def on_projection(self, projection: Projection) -> None:
        """Shows the start; a projection is shown with its epoch, which knows the step."""
        if projection.index == 0:
            with self._writer.as_default(step=0):
                self._show_projection()
            self._writer.flush()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes one point of every curve."""
        with self._writer.as_default(step=logs["step"]):
            for name, value in logs.items():
                if name != "step":
                    tf.summary.scalar(name, float(value))
            for name, distances in zip(("positive", "negative"), self._pair_distances()):
                tf.summary.histogram(f"distances/{name}", distances)
            if logs["projected"]:
                self._show_projection()
        self._writer.flush()

    def _show_projection(self) -> None:
        for name, value in self._geometry().items():
            tf.summary.scalar(f"geometry/{name}", value)
        for name, png in self._figures().items():
            tf.summary.image(name, tf.io.decode_png(png, channels=3)[tf.newaxis])
