"""Runs, or the four folds of a protocol, written as a model to be served; with a gallery or without."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ccp.errors import UserError
from datasets.image_files import find_images
from datasets.input.formats import ImageFormat
from datasets.splits import NUM_FOLDS
from experiments.file_embedder import FileEmbedder, ImageError
from experiments.mlrc_scores import concatenated_embeddings
from experiments.restored import RestoredRun, restore_run
from experiments.run_directory import RunDirectory
from models.serving.ensemble import JoinedNetworks
from models.serving.export import ExportError, export_served, load_exported, read_info, signature_names, with_gallery
from models.serving.gallery import Gallery
from models.serving.network import EmbeddingNetwork, Network
from models.serving.signatures import SEARCH, ServedModel
from models.serving.versions import check_place, newest_version


class Place(NamedTuple):
    """Where a model is written, and what it is to search.

    Attributes:
      directory: the export directory.
      version: the number of the version; None for the next.
      gallery: a directory of images, searched in depth; None for a model that searches none.
      without_gallery: it is meant that a model that searches none takes the place of one that does.
      skip_unreadable: leave images of the gallery out that cannot be read; otherwise the first one ends it.
    """

    directory: str
    version: int | None = None
    gallery: str | None = None
    without_gallery: bool = False
    skip_unreadable: bool = False


class Exported(NamedTuple):
    """What was written.

    Attributes:
      directory: of the version.
      progress: of each run in it, how far it is; see ``restore_run``.
      skipped: (path, reason) of files of the gallery that could not be read.
    """

    directory: pathlib.Path
    progress: Sequence[Mapping[str, Any]]
    skipped: Sequence[tuple[str, str]]


def export_run(
    run_dir: str, place: Place, repeat: int = 1, data_dir: str | None = None, on_bad_image: str | None = None
) -> Exported:
    """Writes the best weights of a run; or of a directory of ``run_mlrc`` those of its four folds, as one model.

    The four are those of one repeat; their normalised embeddings are joined and normalised again, as they are judged.

    Args:
      run_dir: of the run, or of the protocol.
      place: where to, and what with.
      repeat: which repeat of the protocol, from 1 on.
      data_dir: where the data lie now, if they have moved.
      on_bad_image: see ``restore_run``.

    Raises:
      RunError: there is no run, or it has saved nothing yet.
      UserError: the folds take different images, or are judged on different ones; signature ``search`` would be lost;
        or see ``write_version``.
    """
    _check(place)
    runs = _folds(run_dir, repeat)
    restored = [restore_run(run, data_dir, on_bad_image) for run in runs or [run_dir]]
    progress = [one.progress for one in restored]
    if runs:
        image_format = _common_format(restored)
        network: Network = JoinedNetworks([one.experiment.model for one in restored])
        folds = [
            {"fold": fold, "seed": one.experiment.settings.run.seed, **one.progress}
            for fold, one in enumerate(restored, 1)
        ]
        info = {**restored[0].describe(), "repeat": repeat, "folds": folds, "test": _scores_together(restored)}
    else:
        image_format, network = restored[0].experiment.format, restored[0].experiment.model
        info = {**restored[0].describe(), **progress[0], "test": restored[0].embed().result.means}
    served, skipped = ServedModel(EmbeddingNetwork(network, image_format), image_format.channels), []
    if place.gallery is not None:
        served.gallery, skipped = _gallery(FileEmbedder(served.signatures()), place)
        info["gallery"] = _described(served.gallery)
    check = functools.partial(_keep_search, place)
    return Exported(export_served(served, place.directory, info, place.version, check), progress, skipped)


def export_with_gallery(model: str, place: Place) -> Exported:
    """Writes an exported model with another gallery; its network stays what it is, to the bit.

    Args:
      model: the exported model, which may be an earlier version in the same directory.
      place: where to, and the gallery.

    Raises:
      UserError: there is no model, an image cannot be read, or see ``write_version``.
    """
    _check(place)
    loaded, info = load_exported(model), read_info(model)
    gallery, skipped = _gallery(FileEmbedder(loaded.signatures), place)
    info["gallery"] = _described(gallery)
    return Exported(export_served(with_gallery(loaded, gallery), place.directory, info, place.version), (), skipped)


def _check(place: Place) -> None:
    """Whether the place will do: before the work, not after it."""
    if place.gallery is not None and not os.path.isdir(place.gallery):
        raise ImageError(f"{place.gallery} is no directory; pass --gallery, a directory of images.")
    _keep_search(place, check_place(place.directory, place.version))


def _keep_search(place: Place, number: int) -> None:
    """Refuses a version that searches nothing where it would take the place of one that searches."""
    newest = newest_version(place.directory)
    if place.gallery is not None or place.without_gallery or newest is None or number <= int(newest.name):
        return
    try:
        names = signature_names(newest)
    except ExportError:  # What cannot be read answers nobody.
        return
    if SEARCH in names:
        raise ExportError(
            f"{newest} has the signature {SEARCH!r}, and its clients would get errors as soon as a version without it "
            "takes its place. Pass --gallery, or --without_gallery if that is meant."
        )


def _folds(run_dir: str, repeat: int) -> list[str]:
    """The runs of one repeat of the protocol; none if the directory is a run's own."""
    home = pathlib.Path(run_dir)
    if RunDirectory(home).settings.exists() or not any(home.glob("fold*-repeat*")):
        return []
    runs = [home / f"fold{fold}-repeat{repeat - 1}" for fold in range(1, NUM_FOLDS + 1)]
    missing = [run.name for run in runs if not RunDirectory(run).settings.exists()]
    if missing:
        raise UserError(
            f"{home} holds no {', '.join(missing)}, and repeat {repeat} has four models; pass another --repeat, or "
            "let main.py mlrc go on there."
        )
    return [str(run) for run in runs]


def _common_format(restored: Sequence[RestoredRun]) -> ImageFormat:
    first = restored[0]
    for one in restored:
        if one.experiment.format != first.experiment.format:
            raise UserError(
                f"The models to be joined must take the same images; {first.run.path} takes {first.experiment.format} "
                f"and {one.run.path} {one.experiment.format}. Train the folds with the same settings."
            )
    return first.experiment.format


def _scores_together(restored: Sequence[RestoredRun]) -> dict[str, float]:
    embedded = [one.embed() for one in restored]
    if not all(np.array_equal(embedded[0].indices, one.indices) for one in embedded):
        raise UserError(
            "The models to be joined were evaluated on different images: some were fixed or broken meanwhile. "
            "Run the command again."
        )
    joined = concatenated_embeddings([one.embeddings for one in embedded])
    return dataclasses.replace(embedded[0], embeddings=joined).result.means


def _gallery(embed: FileEmbedder, place: Place) -> tuple[Gallery, list[tuple[str, str]]]:
    home = place.gallery
    embedded = embed(find_images(home), place.skip_unreadable, "Mend or remove it, or pass --on_bad_image=skip.")
    if not embedded.paths:
        raise ImageError(f"None of the files in {home} could be read as an image.")
    ids = [pathlib.PurePath(os.path.relpath(path, home)) for path in embedded.paths]
    labels = [os.fsencode(path.parts[0]) if len(path.parts) > 1 else b"" for path in ids]
    return Gallery([os.fsencode(path) for path in ids], labels, embedded.embeddings), embedded.skipped


def _described(gallery: Gallery) -> dict[str, int]:
    labels = set(gallery.labels.numpy().tolist()) - {b""}
    return {"images": len(gallery.labels.numpy()), "labels": len(labels)}
