"""The report's figures and numbers for TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from matplotlib.figure import Figure

from evaluate import figures
from evaluate.embedded import Embedded
from evaluate.figures.tensorboard_projector import write_projector
from evaluate.geometry import geometry_by_projection, pair_distances, spread
from evaluate.worst_classes import worst_classes
from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory

_MOST_DRAWN = 1000


def geometry_scalars(run: RunDirectory) -> dict[str, float]:
    """The numbers of ``geometry`` at the last projection; radii by centres are told apart by their number."""
    numbers = geometry_by_projection(read_projections(run)[-1:])
    scalars = {}
    for name, value in (numbers[0] if numbers else {}).items():
        if isinstance(value, list):
            scalars.update({f"{name}/{count}": radius for count, radius in enumerate(value, start=1)})
        elif isinstance(value, float):
            scalars[name] = value
    return scalars


def projection_figures(
    run: RunDirectory, class_names: Sequence[str], validated: Embedded | None = None
) -> dict[str, bytes]:
    """What is shown at a projection, as PNG files by name.

    Args:
      run: its projections are on disk.
      class_names: of the training classes.
      validated: the validation examples by the network as it is now; None before the first validation.
    """
    projections = read_projections(run)
    drawn = {}
    if projections:
        measured = geometry_by_projection(projections)
        drawn = {
            "projection": figures.draw_projections(projections[-1:], class_names),
            "geometry/radii": figures.draw_radii(projections),
            "geometry/class_distances": figures.draw_class_distances(measured),
            "geometry/relative_radii": figures.draw_relative_radii(measured),
        }
    if validated is not None:
        drawn.update(_of(validated, "validation"))
    return {name: figures.to_png(figure) for name, figure in drawn.items()}


def show_unseen(run: RunDirectory, unseen: Embedded, step: int) -> None:
    """Adds the unseen classes by the best weights to a run's TensorBoard directory, and to its projector.

    Args:
      run: the directory.
      unseen: the test examples by the best weights.
      step: the last of the training.
    """
    writer = tf.summary.create_file_writer(str(run.tensorboard))
    with writer.as_default(step=step):
        for name, figure in _of(unseen, "unseen").items():
            tf.summary.image(name, tf.io.decode_png(figures.to_png(figure), channels=3)[tf.newaxis])
    writer.close()
    write_projector(run.tensorboard, unseen, "unseen")


def _of(embedded: Embedded, which: str) -> dict[str, Figure]:
    part = embedded.take(spread(embedded.labels, _MOST_DRAWN))
    return {
        f"{which}/embedding": figures.draw_embedding(part.embeddings, part.labels, part.class_names),
        f"{which}/retrieval": figures.draw_retrievals(worst_classes(embedded), embedded.thumbnail),
        f"{which}/distances": figures.draw_distances(*pair_distances(embedded.embeddings, embedded.labels)),
    }
