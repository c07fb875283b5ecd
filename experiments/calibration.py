"""The distance below which two images are of one class, for a wanted false match rate."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ccp.errors import UserError
from ccp.wording import counted
from datasets.files import save_json
from datasets.image_files import find_images
from evaluate.errors import EvaluationError
from evaluate.figures import draw_roc, save
from evaluate.verification import FMRS, OperatingPoint, Verification, verify
from evaluate.verification.resampling import FEWEST_CLASSES
from experiments.image_index import folder_class
from experiments.mlrc_directory import MlrcDirectory
from experiments.restored import RestoredRun, restore_run
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import embed_files
from models.serving.threshold import THRESHOLD_FILE, parse_threshold

_USUAL_FMR = 1e-3
_HIGHEST_FMR = 0.1


class Calibration(NamedTuple):
    """A threshold and how it was checked.

    Attributes:
      record: the contents of ``threshold.json``.
      point: on the images that it was chosen on.
      checked: on the test images; None where there are none.
      notes: sentences about it.
      progress: of the run; see ``RestoredRun``; None of an exported model.
      files: that were written.
      skipped: (path, reason) of image files that could not be read.
    """

    record: Mapping[str, Any]
    point: OperatingPoint
    checked: OperatingPoint | None
    notes: list[str]
    progress: Mapping[str, Any] | None
    files: list[pathlib.Path]
    skipped: list[tuple[str, str]]


def calibrate_run(
    run_dir: str,
    fmr: float | None = None,
    allow_seen_classes: bool = False,
    data_dir: str | None = None,
    on_bad_image: str | None = None,
) -> Calibration:
    """Chooses the threshold of a run on its validation images, checks it on its test images, and writes it.

    Args:
      run_dir: of the run.
      fmr: the wanted false match rate; None for 0.001, or the lowest that there are enough pairs for.
      allow_seen_classes: also if classes of the validation images were trained on.
      data_dir: see ``restore_run``.
      on_bad_image: see ``restore_run``.

    Raises:
      UserError: validation classes were trained on, or are the test classes; or there are too few of them.
    """
    if MlrcDirectory(run_dir).exists:
        raise UserError(
            f"{run_dir} holds the folds of main.py mlrc, each of which has trained on the others' validation classes. "
            "Export them, and calibrate the export: main.py calibrate --model=… --images=DIR."
        )
    restored = restore_run(run_dir, data_dir, on_bad_image)
    splits = restored.experiment.splits
    if splits.validation is splits.test:
        raise UserError(
            f"{run_dir} was selected on its test images, so none are left to choose a threshold on. Train with "
            "--validation=fold1."
        )
    seen = set(splits.validation.class_names) & set(splits.train.class_names)
    notes = [_seen_note(len(seen), restored)] if seen else []
    if seen and not allow_seen_classes:
        raise UserError(f"{notes[0]} Train with --validation=fold1, or pass --allow_seen_classes if that is meant.")
    validation, test = restored.embed("validation"), restored.embed("test")
    found, point = _choose(fmr, validation.verify, "validation")
    checked = _check(point, test.verify, notes)
    record = {
        **_record(found, point, checked),
        "source": splits.validation_source,
        "seen_classes": len(seen),
        **restored.progress,
    }
    save_json(restored.run.threshold, record)
    sets = {"validation": found, "test": checked} if checked else {"validation": found}
    files = [restored.run.threshold, save(draw_roc(sets), restored.run.path / "figures" / "roc_calibration.png")]
    return Calibration(record, point, checked and checked.at_threshold[0], notes, restored.progress, files, [])


def calibrate_export(
    model_dir: str,
    images: str,
    test_images: str | None = None,
    fmr: float | None = None,
    skip_unreadable: bool = False,
) -> Calibration:
    """Chooses the threshold of an exported model on images in class folders, and writes it into the newest version.

    Args:
      model_dir: an exported model.
      images: a directory with a folder for each class, none of which the network was trained on.
      test_images: likewise, with other classes, to check the threshold on; None does not check it.
      fmr: see ``calibrate_run``.
      skip_unreadable: leave out images that cannot be read; otherwise the first one is an error.

    Raises:
      UserError: there is no model, an image cannot be read, or there are too few classes.
    """
    # Before the model is loaded, which takes seconds.
    files, test_files = _class_files(images), _class_files(test_images) if test_images else {}
    model = ExportedModel(model_dir)
    calibrated = _embedded(model, files, skip_unreadable)
    tested = _embedded(model, test_files, skip_unreadable) if test_images else None
    both = set(calibrated.labels) & set(tested.labels) if tested else ()
    if both:
        raise UserError(
            f"{images} and {test_images} share {counted(len(both), 'class')}, as {str(min(both))!r}; pass other "
            "classes to check the threshold on."
        )
    found, point = _choose(fmr, calibrated.verify, images)
    notes = ["Classes that the network was trained on make the threshold too low; the export cannot tell them."]
    checked = None
    if tested:
        checked = _check(point, tested.verify, notes)
    else:
        notes.append("It was not checked: pass --test_images, a directory of other classes.")
    record = {**_record(found, point, checked), "source": os.path.abspath(images)}
    path = model.directory / THRESHOLD_FILE
    save_json(path, record)
    if "search" in model.signatures:
        notes.append(f"A server uses it after main.py export --model={model_dir} --gallery=… --export_dir={model_dir}.")
    skipped = [*calibrated.skipped, *(tested.skipped if tested else ())]
    return Calibration(record, point, checked and checked.at_threshold[0], notes, None, [path], skipped)


class _EmbeddedClasses(NamedTuple):
    """Embeddings [num, size] of images with the names of their classes [num]; and (path, reason) of skipped ones."""

    embeddings: np.ndarray
    labels: np.ndarray
    skipped: list[tuple[str, str]]

    def verify(self, fmrs: Sequence[float], thresholds: Sequence[float] = ()) -> Verification:
        return verify(self.embeddings, self.labels, fmrs=fmrs, thresholds=thresholds)


def _class_files(folder: str) -> dict[str, str]:
    """By image file, its class."""
    if not os.path.isdir(folder):
        raise UserError(f"{folder} is no directory; calibrating needs one with a folder of images for each class.")
    classes = {path: folder_class(path, folder) for path in find_images(folder)}
    found = {path: name for path, name in classes.items() if name}
    if not found:
        raise UserError(f"{folder} has no folders of images; calibrating needs one for each class.")
    return found


def _embedded(model: ExportedModel, files: Mapping[str, str], skip_unreadable: bool) -> _EmbeddedClasses:
    embedded = embed_files(model.signatures, list(files), skip_unreadable)
    return _EmbeddedClasses(embedded.embeddings, np.array([files[path] for path in embedded.paths]), embedded.skipped)


def _choose(
    fmr: float | None, verify_at: Callable[[Sequence[float]], Verification], source: str
) -> tuple[Verification, OperatingPoint]:
    """All error rates, and the wanted one with its threshold."""
    found = verify_at(tuple(dict.fromkeys([fmr or _USUAL_FMR, *FMRS])))
    lowest = _rounded_up(found.lowest_fmr)
    if found.num_classes < FEWEST_CLASSES:
        raise UserError(
            f"{source} has {counted(found.num_classes, 'class')}, and the interval of a threshold needs "
            f"{FEWEST_CLASSES}, better 50. Hold more classes out, or "
            "calibrate the exported model on other images with --images."
        )
    if lowest > _HIGHEST_FMR or (fmr and fmr < found.lowest_fmr):
        remedy = "Add images" if lowest > _HIGHEST_FMR else f"Pass --fmr={lowest:g}, or add images"
        raise UserError(f"{source}: {found.at_fmr[0].reason}. {remedy}.")
    if found.at_fmr[0].threshold is None:
        found = verify_at(tuple(dict.fromkeys([lowest, *FMRS])))
    return found, found.at_fmr[0]


def _rounded_up(rate: float) -> float:
    """With one digit: 0.0012 to 0.002."""
    unit = 10.0 ** math.floor(math.log10(rate))
    return float(f"{math.ceil(rate / unit - 1e-9) * unit:.1g}")


def _check(
    point: OperatingPoint, verify_at: Callable[[Sequence[float], Sequence[float]], Verification], notes: list[str]
) -> Verification | None:
    """The rates of the threshold, and of both ends of its interval, on other classes."""
    try:
        return verify_at(FMRS, (point.threshold, *point.interval_95))
    except EvaluationError as error:
        notes.append(f"It was not checked on the test images: {error}")
        return None


def _record(found: Verification, point: OperatingPoint, checked: Verification | None) -> dict[str, Any]:
    """The contents of ``threshold.json``."""
    record = {
        "threshold": point.threshold,
        "interval_95": point.interval_95,
        "fmr": point.wanted_fmr,
        "distance": "Euclidean between lipschitz-normalised embeddings",
        "calibration": found.record(),
        "test": checked and checked.record(),
    }
    parse_threshold(record)
    return record


def _seen_note(count: int, restored: RestoredRun) -> str:
    classes = restored.experiment.splits.validation.num_classes
    return (
        f"{count} of the {classes} classes of the validation images were trained on: their images are closer together "
        "than those of new classes, so the threshold holds for these classes only."
    )
