"""Training images that are perhaps mislabelled: those that are far from the dominant centre of their class."""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

import numpy as np

from ccp.errors import UserError
from ccp.sub_centers import SubCenters, sub_centers
from datasets.files import save_csv
from evaluate.embedded import Embedded
from evaluate.figures import RetrievalRow, draw_retrievals, save
from experiments.restored import RestoredRun

_ROWS, _COLUMNS = 8, 6


class Suspects(NamedTuple):
    """What was found.

    Attributes:
      training: the training images.
      centers: of their classes, and where the images are among them.
      places: [suspects] of images that are perhaps mislabelled, the ones at the largest angle first.
    """

    training: Embedded
    centers: SubCenters
    places: np.ndarray


def find_suspects(restored: RestoredRun, largest_angle: float) -> Suspects:
    """Finds training images that are nearest to a non-dominant centre of their class, or far from the dominant one.

    Args:
      restored: a run with class proxies.
      largest_angle: images farther than this from the dominant centre, in degrees, are suspects too.

    Raises:
      UserError: the run has no class proxies, one for each class, or was trained without labels.
    """
    settings, proxies = restored.experiment.settings, restored.proxies
    if settings.data.labels == "none":
        raise UserError(f"{restored.run.path} was trained without labels, so none can be wrong.")
    if proxies is None or proxies.shape[1] == 1:
        has = "one proxy per class" if proxies is not None else "no class proxies"
        raise UserError(
            f"{restored.run.path} ({settings.loss.loss}) has {has}, and mislabelled images show among several: train "
            "with --loss=arcface --proxies_per_class=3, or with --loss=ccp/…."
        )
    training = restored.experiment.embed(restored.experiment.splits.train)
    centers = sub_centers(training.embeddings, training.labels, proxies)
    return Suspects(training, centers, centers.suspects(training.labels, largest_angle))


def write_suspects(found: Suspects, folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the suspects, all centres, and a picture of the classes with the worst suspects.

    Returns:
      ``mislabelled.csv``, ``sub_centers.csv``, and ``figures/mislabelled.png`` if there are suspects.
    """
    training, centers = found.training, found.centers
    names, labels = training.class_names, training.labels
    files = [folder / "mislabelled.csv", folder / "sub_centers.csv"]
    suspects = (
        (
            training.name(place),
            names[labels[place]],
            centers.nearest[place],
            _yes(centers.nearest[place] == centers.dominant[labels[place]]),
            f"{centers.angles[place]:.2f}",
        )
        for place in found.places
    )
    save_csv(files[0], ("image", "class", "center", "is_dominant", "angle_to_dominant"), suspects)
    of_classes = (
        (names[label], center, _yes(center == centers.dominant[label]), count)
        for label, counts in enumerate(centers.num_nearest)
        for center, count in enumerate(counts)
    )
    save_csv(files[1], ("class", "center", "is_dominant", "images"), of_classes)
    if len(found.places):
        drawn = draw_retrievals(suspect_rows(found), training.thumbnail)
        files.append(save(drawn, folder / "figures" / "mislabelled.png"))
    return files


def suspect_rows(found: Suspects) -> list[RetrievalRow]:
    """For each of the classes with the worst suspects, the image nearest to its dominant centre, and its suspects."""
    training, angles = found.training, found.centers.angles
    suspect_labels = training.labels[found.places]
    rows = []
    for label in list(dict.fromkeys(suspect_labels.tolist()))[:_ROWS]:
        own = np.flatnonzero(training.labels == label)
        suspects = found.places[suspect_labels == label]
        title = f"{training.class_names[label]}: {len(suspects)} of {len(own)} images"
        shown = suspects[:_COLUMNS]
        captions = [[f"{angles[place]:.0f}°"] for place in shown]
        rows.append(RetrievalRow(title, int(own[np.argmin(angles[own])]), shown, None, captions))
    return rows


def _yes(value: Any) -> str:
    return "yes" if value else "no"
