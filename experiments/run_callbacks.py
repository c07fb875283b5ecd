"""Observers of a training: the metrics file, the projections, TensorBoard and the progress bar."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ccp.projection.projector import Projection
from ccp.training.observers import Observer
from ccp.training.progress import Progress
from experiments.run_directory import RunDirectory

_LOGGER = logging.getLogger("ccp")


class RunLog(Observer):
    """Writes metrics and projections into the run's directory.

    Args:
      run: the directory.
      scatter: the embeddings and labels of a fixed set as they are now, [num, embedding_size] and [num];
        kept beside each projection's proxies so that they can be drawn and measured.
    """

    def __init__(self, run: RunDirectory, scatter: Callable[[], tuple[np.ndarray, np.ndarray]]):
        self._run, self._scatter = run, scatter

    def on_start(self, progress: Progress) -> None:
        """Drops lines of epochs that will be done again."""
        self._run.rewind(progress.last_record)

    def on_projection(self, projection: Projection) -> None:
        """Keeps what is needed to draw the projection."""
        embeddings, labels = self._scatter()
        self._run.projections.mkdir(exist_ok=True)
        path = self._run.projections / f"{projection.index:04d}.npz"
        contents = {
            "embeddings": embeddings,
            "labels": labels,
            "proxies": projection.proxies.numpy(),
            "proximal_weight": projection.proximal_weight,
        }
        if projection.previous_proxies is not None:
            contents["previous_proxies"] = projection.previous_proxies.numpy()
        # Renamed when complete: a kill must not leave half a file behind under the final name.
        temporary = path.with_suffix(".new")
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **contents)
        os.replace(temporary, path)

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """Adds the epoch's line."""
        self._run.append(record)


class TensorBoard(Observer):
    """Writes scalars, distance histograms and figures for TensorBoard.

    Args:
      run: the directory.
      pair_distances: distances of the positive and of the negative pairs of the validation set now.
      figures: PNG files by name that are to be shown at the initialisation and after a projection.
      geometry: scalars by name that are to be shown then too.
    """

    def __init__(
        self,
        run: RunDirectory,
        pair_distances: Callable[[], tuple[np.ndarray, np.ndarray]],
        figures: Callable[[], Mapping[str, bytes]],
        geometry: Callable[[], Mapping[str, float]] = dict,
    ):
        self._writer = tf.summary.create_file_writer(str(run.tensorboard))
        self._pair_distances, self._figures, self._geometry = pair_distances, figures, geometry

    def on_projection(self, projection: Projection) -> None:
        """Shows the initialisation; a later projection is shown with its epoch, which knows the step."""
        if projection.index == 0:
            with self._writer.as_default(step=0):
                self._show_projection()
            self._writer.flush()

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """Writes one point of every curve."""
        step = record["step"]
        with self._writer.as_default(step=step):
            for name, value in record.items():
                if name not in ("epoch", "step"):
                    tf.summary.scalar(name, float(value))
            for name, distances in zip(("positive", "negative"), self._pair_distances()):
                tf.summary.histogram(f"distances/{name}", distances)
            if record["projected"]:
                self._show_projection()
        self._writer.flush()

    def _show_projection(self) -> None:
        for name, value in self._geometry().items():
            tf.summary.scalar(f"geometry/{name}", value)
        for name, png in self._figures().items():
            tf.summary.image(name, tf.io.decode_png(png, channels=3)[tf.newaxis])


class ProgressDisplay(Observer):
    """A bar on a terminal, one plain line per epoch in a log.

    Args:
      title: what is being trained.
      steps_per_epoch: of the training.
      max_epochs: of the training.
      monitor: the score to show.
    """

    def __init__(self, title: str, steps_per_epoch: int, max_epochs: int, monitor: str):
        self._title, self._steps_per_epoch, self._max_epochs = title, steps_per_epoch, max_epochs
        self._monitor = monitor
        self._bar: tqdm | None = None

    def on_start(self, progress: Progress) -> None:
        """Shows where training begins."""
        if progress.finished:
            _LOGGER.info("%s: finished already, after %d epochs", self._title, progress.epoch)
            return
        if progress.total_steps:
            _LOGGER.info("%s: going on at epoch %d, step %d", self._title, progress.epoch + 1, progress.step)
        if sys.stderr.isatty():
            # Asked here because tqdm shows nothing on a terminal that says it is 0 columns wide, as containers' do.
            columns, lines = shutil.get_terminal_size()
            self._bar = tqdm(
                total=self._steps_per_epoch * self._max_epochs,
                initial=progress.total_steps,
                desc=self._title,
                bar_format="{desc} {bar} {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}",
                ncols=columns,
                nrows=lines,
            )

    def on_step(self, progress: Progress, loss: float) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.update(1)

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """Shows the epoch's score."""
        if self._bar is not None:
            self._bar.set_postfix_str(
                f"{self._monitor} {record[self._monitor]:.3f}, {record['projections']} projections", refresh=True
            )
            return
        _LOGGER.info(
            "%s: epoch %d/%d, loss %.4f, %s %.4f%s",
            self._title,
            record["epoch"],
            self._max_epochs,
            record["loss"],
            self._monitor,
            record[self._monitor],
            f", projection {record['projections']}" if record["projected"] else "",
        )

    def on_end(self) -> None:
        """Ends the bar; it may end before its total, on early stopping."""
        if self._bar is not None:
            self._bar.close()
