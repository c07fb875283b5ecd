"""A run in TensorBoard: scalars, histograms, figures and the projector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from matplotlib.figure import Figure

from ccp.projection.projector import Projection
from evaluate import figures
from evaluate.embedded import Embedded
from evaluate.figures import tensorboard_projector
from evaluate.geometry import geometry_by_projection, pair_distances, spread
from evaluate.worst_classes import worst_classes
from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory

_MAX_DRAWN = 1000


class TensorBoard(tf.keras.callbacks.Callback):
    """Writes scalars and distance histograms of each epoch, and figures of each projection.

    Args:
      run: the directory.
      validated: the validation examples by the network as it is now; None before the first validation.
    """

    def __init__(self, run: RunDirectory, validated: Callable[[], Embedded | None]):
        super().__init__()
        self._writer = tf.summary.create_file_writer(str(run.tensorboard))
        self._run, self._validated = run, validated

    def on_projection(self, projection: Projection) -> None:
        """Shows the initialisation; a later projection is shown with its epoch, which knows the step."""
        if projection.index == 0:
            with self._writer.as_default(step=0):
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
            if logs["projected"]:
                self._show_projection()
        self._writer.flush()

    def _show_projection(self) -> None:
        projections = read_projections(self._run)
        measured = geometry_by_projection(projections)
        for name, value in geometry_scalars(measured[-1]).items():
            tf.summary.scalar(f"geometry/{name}", value)
        _show("projection", figures.draw_projections(projections[-1:]))
        _show("geometry/radii", figures.draw_radii(measured))
        _show("geometry/class_distances", figures.draw_class_distances(measured))
        _show("geometry/relative_radii", figures.draw_relative_radii(measured))
        embedded = self._validated()
        if embedded is not None:
            _show_embedded("validation", embedded)


def geometry_scalars(measured: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of ``geometry`` as scalars; of radii by the number of centres, one for each number."""
    scalars = {name: value for name, value in measured.items() if isinstance(value, float)}
    for count, radius in enumerate(measured["radius_by_centers"], start=1):
        scalars[f"radius_by_centers/{count}"] = radius
    return scalars


def show_unseen(run: RunDirectory, unseen: Embedded, step: int) -> None:
    """Adds the unseen classes by the best weights to a run's TensorBoard directory, and to its projector.

    Args:
      run: the directory.
      unseen: the test examples by the best weights.
      step: the last of the training.
    """
    writer = tf.summary.create_file_writer(str(run.tensorboard))
    with writer.as_default(step=step):
        _show_embedded("unseen", unseen)
    writer.close()
    tensorboard_projector.write(run.tensorboard, unseen, "unseen")


def _show_embedded(name: str, embedded: Embedded) -> None:
    shown = embedded.take(spread(embedded.labels, _MAX_DRAWN))
    _show(f"{name}/embedding", figures.draw_embedding(shown.embeddings, shown.labels, shown.class_names))
    _show(f"{name}/retrieval", figures.draw_retrievals(worst_classes(embedded), embedded.thumbnail))
    _show(f"{name}/distances", figures.draw_distances(*pair_distances(embedded.embeddings, embedded.labels)))


def _show(name: str, figure: Figure) -> None:
    tf.summary.image(name, tf.io.decode_png(figures.to_png(figure), channels=3)[tf.newaxis])
