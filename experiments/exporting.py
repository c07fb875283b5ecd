"""Exports of runs, of the four folds of a protocol as one model, and of a model with another gallery."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from datasets.image_files import find_images
from datasets.images.image import read_all
from datasets.input.formats import ImageFormat
from datasets.input.pipelines import EvaluationImages
from datasets.splits import NUM_FOLDS
from experiments.experiment import Experiment
from experiments.mlrc_scores import concatenated_embeddings
from experiments.restored import RestoredRun, restore_run
from experiments.run_directory import RunDirectory
from models.serving.bare_process import TOLERANCE, Sample
from models.serving.export import export, exported_network, served_network
from models.serving.exported_model import ExportedModel, read_info
from models.serving.file_embedding import ImageError, embed_files
from models.serving.gallery import Gallery
from models.serving.network import MASKED, JoinedNetworks, Network
from models.serving.versions import ExportError, check_export_directory, newest_version

_SAMPLE_SIZE = 8
# Embeddings of half-precision networks depend on the size of the batch.
_HALF_PRECISION_TOLERANCE = 2e-2


class Target(NamedTuple):
    """Where a model is exported to, and the gallery that it searches.

    Attributes:
      directory: the export directory.
      version: the number of the version; None for the next.
      gallery: a directory of images, searched in depth; None for a model without signature ``search``.
      without_gallery: such a model may replace one with the signature.
      skip_unreadable: leave out gallery images that cannot be read; otherwise the first one is an error.
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
      difference: the largest difference of its embeddings in a bare process from the training code's; None if the
        test set had no readable image.
      progress: of each run in it; see ``restore_run``.
      skipped: (path, reason) of gallery files that could not be read.
    """

    directory: pathlib.Path
    difference: float | None
    progress: Sequence[Mapping[str, Any]]
    skipped: Sequence[tuple[str, str]]


def export_run(
    run_dir: str, target: Target, repeat: int = 1, data_dir: str | None = None, on_bad_image: str | None = None
) -> Exported:
    """Exports the best weights of a run, or of the four folds of ``run_mlrc`` as one model.

    The four folds are those of one repeat; their normalised embeddings are concatenated and normalised again.

    Args:
      run_dir: of the run, or of the protocol.
      target: where to, and the gallery.
      repeat: which repeat of the protocol, from 1.
      data_dir: where the data are now, if they have moved.
      on_bad_image: see ``restore_run``.

    Raises:
      RunError: there is no run, or it has saved nothing yet.
      UserError: the folds take different images or have different test images; see also ``export``.
    """
    _check(target)
    runs = _fold_runs(run_dir, repeat)
    restored = [restore_run(run, data_dir, on_bad_image) for run in runs or [run_dir]]
    first, progress = restored[0], [fold.progress for fold in restored]
    if runs:
        _check_formats(restored)
        network: Network = JoinedNetworks([fold.experiment.model for fold in restored])
        seeds = [fold.experiment.settings.run.seed for fold in restored]
        folds = [{"fold": fold, "seed": seed, **done} for fold, (seed, done) in enumerate(zip(seeds, progress), 1)]
        details = {"repeat": repeat, "folds": folds, "test": _joined_scores(restored)}
    else:
        network = first.experiment.model
        details = {**first.progress, "test": first.embed().result.means}
    info = {**first.describe(), "image_format": dataclasses.asdict(first.experiment.format), **details}
    served = served_network(network, first.experiment.format)
    gallery, skipped = _gallery(served.signatures, target, info)
    sample = _sample(first.experiment, network)
    written = export(served, target.directory, info, gallery, target.version, sample)
    return Exported(*written, progress, skipped)


def export_with_gallery(model: str, target: Target) -> Exported:
    """Exports an exported model with another gallery; its network stays the same, bit for bit.

    Args:
      model: the exported model, which may be an earlier version in the same directory.
      target: where to, and the gallery.

    Raises:
      UserError: there is no model, an image cannot be read; see also ``export``.
    """
    _check(target)
    loaded = ExportedModel(model)
    info = read_info(loaded.directory)
    gallery, skipped = _gallery(loaded.signatures, target, info)
    files = [pathlib.Path(path).read_bytes() for path in find_images(target.gallery)[:_SAMPLE_SIZE]]
    sample = Sample(files, loaded.signatures[MASKED](encoded_images=tf.constant(files))["embeddings"].numpy())
    written = export(exported_network(loaded), target.directory, info, gallery, target.version, sample)
    return Exported(*written, (), skipped)


def _check(target: Target) -> None:
    """Finds out before the work whether the target can be used."""
    if target.gallery is not None and not os.path.isdir(target.gallery):
        raise ImageError(f"{target.gallery} is no directory; pass --gallery, a directory of images.")
    check_export_directory(target.directory, target.version)
    newest = newest_version(target.directory)
    if target.gallery or target.without_gallery or newest is None or (target.version or np.inf) < int(newest.name):
        return
    if _searches(newest):
        raise ExportError(
            f"{newest} has the signature 'search', and its clients would get errors as soon as a version without it "
            "takes its place. Pass --gallery, or --without_gallery if that is intended."
        )


def _searches(version: pathlib.Path) -> bool:
    try:
        return "gallery" in read_info(version)
    except ExportError:  # Not a version of ours, or damaged.
        return False


def _fold_runs(run_dir: str, repeat: int) -> list[str]:
    """The runs of one repeat of the protocol; none if the directory is that of a single run."""
    home = pathlib.Path(run_dir)
    if RunDirectory(home).settings.exists() or not any(home.glob("fold*-repeat*")):
        return []
    runs = [home / f"fold{fold}-repeat{repeat - 1}" for fold in range(1, NUM_FOLDS + 1)]
    missing = [run.name for run in runs if not RunDirectory(run).settings.exists()]
    if missing:
        raise UserError(
            f"{home} holds no {', '.join(missing)}, and repeat {repeat} needs four models; pass another --repeat, or "
            "resume main.py mlrc there."
        )
    return [str(run) for run in runs]


def _check_formats(folds: Sequence[RestoredRun]) -> None:
    first = folds[0]
    for fold in folds:
        if fold.experiment.format != first.experiment.format:
            raise UserError(
                f"The folds must take the same images; {first.run.path} takes {_described(first.experiment.format)} "
                f"and {fold.run.path} {_described(fold.experiment.format)}. Train the folds with the same settings."
            )


def _described(image_format: ImageFormat) -> str:
    return f"{image_format.size} × {image_format.size} pixels of {image_format.channels} channels"


def _joined_scores(folds: Sequence[RestoredRun]) -> dict[str, float]:
    """Test scores of the concatenated embeddings."""
    embedded = [fold.embed() for fold in folds]
    if not all(np.array_equal(embedded[0].indices, fold.indices) for fold in embedded):
        raise UserError(
            "The folds were evaluated on different images, because some were changed meanwhile. Run the command again."
        )
    joined = concatenated_embeddings([fold.embeddings for fold in embedded])
    return dataclasses.replace(embedded[0], embeddings=joined).result.means


def _sample(experiment: Experiment, network: Network) -> Sample | None:
    """A few test images, and their embeddings by the training code on the processor."""
    test = experiment.splits.test
    examples = test.subset(np.unique(np.linspace(0, len(test) - 1, _SAMPLE_SIZE).astype(int)))
    files, embeddings = [], []
    with tf.device("CPU:0"):
        for places, images in EvaluationImages(examples, experiment.format, experiment.bad_images):
            files += [tf.io.encode_png(read_all(examples.images.open(tf.constant(place)))).numpy() for place in places]
            embeddings.append(lipschitz_normalize(network(images, training=False)).numpy())
    full_precision = experiment.settings.network.mixed_precision == "none"
    tolerance = TOLERANCE if full_precision else _HALF_PRECISION_TOLERANCE
    return Sample(files, np.concatenate(embeddings), tolerance) if files else None


def _gallery(
    signatures: Mapping[str, Any], target: Target, info: dict[str, Any]
) -> tuple[Gallery | None, list[tuple[str, str]]]:
    """The gallery and its skipped files; its size is noted in ``info``."""
    if target.gallery is None:
        return None, []
    remedy = "Fix or remove it, or pass --on_bad_image=skip."
    embedded = embed_files(signatures, find_images(target.gallery), target.skip_unreadable, remedy)
    if not embedded.paths:
        raise ImageError(f"None of the files in {target.gallery} could be read as an image.")
    ids = [pathlib.PurePath(os.path.relpath(path, target.gallery)) for path in embedded.paths]
    labels = [os.fsencode(path.parts[0]) if len(path.parts) > 1 else b"" for path in ids]
    info["gallery"] = {"images": len(ids), "labels": len(set(labels) - {b""})}
    return Gallery([os.fsencode(path) for path in ids], labels, embedded.embeddings), embedded.skipped
