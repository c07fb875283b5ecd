"""Exports of trained networks, and of an exported model with another gallery."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from datasets.image_files import find_images
from experiments.trained_network import load_trained_network
from models.serving.bare_process import Sample
from models.serving.export import export
from models.serving.exported_model import ExportedModel, read_info
from models.serving.file_embedding import ImageError, embed_files
from models.serving.gallery import Gallery
from models.serving.network import MASKED, EmbeddingNetwork
from models.serving.threshold import THRESHOLD_FILE, read_threshold_record
from models.serving.versions import ExportError, check_export_directory

_SAMPLE_SIZE = 8


class Target(NamedTuple):
    """Where a model is exported to, and the gallery that it searches.

    Attributes:
      directory: the export directory.
      version: the number of the version; None for the next.
      gallery: a directory of images, searched in depth; None for a model without signature ``search``.
      skip_unreadable: leave out gallery images that cannot be read; otherwise the first one is an error.
    """

    directory: str
    version: int | None = None
    gallery: str | None = None
    skip_unreadable: bool = False


class Exported(NamedTuple):
    """What was written.

    Attributes:
      directory: of the version.
      difference: the largest difference of its embeddings in a bare process from the training code's; None if it was
        not tried, as the test set has no readable image.
      progress: of each run in it; see ``RestoredRun``.
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

    Args:
      run_dir: see ``load_trained_network``, as for the other arguments but ``target``.
      target: where to, and the gallery.
      repeat: which repeat of the protocol.
      data_dir: where the data are now.
      on_bad_image: ``stop`` or ``skip``.

    Raises:
      UserError: see ``load_trained_network`` and ``export``; or the run's threshold is of an earlier epoch's weights.
    """
    files, threshold = _gallery_files(target), read_threshold_record(run_dir)
    trained = load_trained_network(run_dir, repeat, data_dir, on_bad_image)
    _check_of_these_weights(threshold, trained.progress, run_dir)
    network = EmbeddingNetwork(trained.network, trained.image_format)
    signatures = network.signatures()
    gallery, skipped = _gallery(signatures, files, target, trained.info)
    written = export(
        network, signatures, target.directory, trained.info, gallery, target.version, trained.sample, threshold
    )
    return Exported(*written, trained.progress, skipped)


def export_with_gallery(model: str, target: Target) -> Exported:
    """Exports an exported model with another gallery; its network stays the same, bit for bit.

    Args:
      model: the exported model, which may be an earlier version in the same directory.
      target: where to, and the gallery.

    Raises:
      UserError: there is no model, an image cannot be read; see also ``export``.
    """
    files = _gallery_files(target)
    exported = ExportedModel(model)
    network, signatures, info = exported.loaded.network, exported.signatures, read_info(exported.directory)
    gallery, skipped = _gallery(signatures, files, target, info)
    images = [pathlib.Path(path).read_bytes() for path in files[:_SAMPLE_SIZE]]
    with tf.device("CPU:0"):  # As in the bare process: accelerators may round more than the tolerance allows.
        sample = Sample(images, signatures[MASKED](encoded_images=tf.constant(images))["embeddings"].numpy())
    threshold = read_threshold_record(exported.directory)
    written = export(network, signatures, target.directory, info, gallery, target.version, sample, threshold)
    return Exported(*written, (), skipped)


def _check_of_these_weights(
    threshold: Mapping[str, Any] | None, progress: Sequence[Mapping[str, Any]], run_dir: str
) -> None:
    """Refuses a threshold that was calibrated before a better epoch."""
    if threshold is None or threshold.get("best_epoch") == progress[0]["best_epoch"]:
        return
    raise ExportError(
        f"{os.path.join(run_dir, THRESHOLD_FILE)} is of the weights of epoch {threshold.get('best_epoch')}, and the "
        f"best are those of epoch {progress[0]['best_epoch']} now. Run main.py calibrate again, or delete the file."
    )


def _gallery_files(target: Target) -> list[str]:
    """The gallery's image files; finds out before the work whether the target can be used."""
    if target.gallery is not None and not os.path.isdir(target.gallery):
        raise ImageError(f"{target.gallery} is no directory; pass --gallery, a directory of images.")
    check_export_directory(target.directory, target.version)
    return [] if target.gallery is None else find_images(target.gallery)


def _gallery(
    signatures: Mapping[str, Any], files: Sequence[str], target: Target, info: dict[str, Any]
) -> tuple[Gallery | None, list[tuple[str, str]]]:
    """The gallery and its skipped files; its size is noted in ``info``."""
    if target.gallery is None:
        return None, []
    remedy = "Fix or remove it, or pass --on_bad_image=skip."
    embedded = embed_files(signatures, files, target.skip_unreadable, remedy)
    if not embedded.paths:
        raise ImageError(f"None of the files in {target.gallery} could be read as an image.")
    ids = [pathlib.PurePath(os.path.relpath(path, target.gallery)) for path in embedded.paths]
    labels = [os.fsencode(path.parts[0]) if len(path.parts) > 1 else b"" for path in ids]
    info["gallery"] = {"images": len(ids), "labels": len(set(labels) - {b""})}
    return Gallery([os.fsencode(path) for path in ids], labels, embedded.embeddings), embedded.skipped
