"""Comparison of a data set on disk with what it should be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ccp.wording import counted
from datasets.checks import count_problems, missing_files, scoring_problems, structure_problems
from datasets.class_sizes import class_size_table, lone_class_notes
from datasets.duplicates import identical_files
from datasets.images.image import read_all
from datasets.images.jpeg_warnings import caught_jpeg_warnings
from datasets.images.refusal import reason
from datasets.images.sources import ImageFiles
from datasets.manifest import TEST, Counts, Manifest
from datasets.progress import progress
from datasets.reading import read
from datasets.registry import DATA_SETS
from datasets.seen_classes import are_classes_seen, seen_class_note
from datasets.settings import DataSettings


class Report(NamedTuple):
    """The result of a comparison.

    Attributes:
      text: to show.
      as_expected: whether nothing is wrong.
    """

    text: str
    as_expected: bool


def validate(settings: DataSettings, read_images: bool = True) -> Report:
    """Compares a data set with what it should be.

    Args:
      settings: which one, and whether a subset is accepted.
      read_images: decode every image, and look for files with the same contents.

    Raises:
      DataError: the annotations cannot be read.
    """
    manifest = read(settings)
    expected = DATA_SETS[settings.dataset].expected
    missing = missing_files(manifest)
    present = manifest.subset(np.setdiff1d(np.arange(len(manifest)), missing)) if len(missing) else manifest
    found = present.counts()
    problems = [*structure_problems(manifest), *scoring_problems(manifest)]
    notes: list[str] = []
    if len(missing):
        problem = f"{counted(len(missing), 'image file')} missing in {manifest.root}:"
        (notes if settings.allow_subset else problems).append(_listed(problem, manifest.paths[missing]))
    if read_images and manifest.pixels is None and len(present):
        bad, sizes, damaged = _read_all(present)
        if bad:
            lines = [f"{path}: {why}" for path, why in bad.items()]
            problems.append(_listed(f"{counted(len(bad), 'image')} cannot be read:", lines))
        if damaged:
            notes.append(_listed(f"{counted(len(damaged), 'damaged JPEG file')}, used as far as readable:", damaged))
        readable = np.flatnonzero(sizes.all(axis=1))
        problems += _boxes_outside(present.subset(readable), sizes[readable])
        notes += _same_contents(present.subset(readable), are_classes_seen(manifest, settings))
    elif manifest.pixels is None:
        notes.append("images were not read")
    if settings.labels == "given":
        notes += lone_class_notes(present)
    if are_classes_seen(manifest, settings):
        notes.append(seen_class_note(present))
    differing = count_problems(found, expected, settings.allow_subset)
    lines = [
        _table(found, expected, differing),
        "",
        *([class_size_table(present), ""] if len(present) else []),
        *(f"- {problem}" for problem in problems),
        *(f"- (note) {note}" for note in notes),
    ]
    as_expected = not problems and not differing
    is_subset = len(missing) or (expected and found != expected)
    verdict = "a subset, as allowed" if is_subset else "as it should be"
    # Only missing images and classes are accepted by --allow_subset, not what is wrong with those that are there.
    accepts_less = (differing or len(missing)) and not settings.allow_subset
    remedy = "not as it should be" + ("; --allow_subset accepts less" if accepts_less else "")
    lines.append(f"{settings.dataset}: {verdict if as_expected else remedy}")
    return Report("\n".join(lines), as_expected)


def _table(found: Mapping[str, Counts], expected: Mapping[str, Counts], differing: Collection[str]) -> str:
    rows = [("", "found", "", "expected", ""), ("", "images", "classes", "images", "classes")]
    for split in {**expected, **found}:
        counts = found.get(split, Counts(0, 0)), expected.get(split)
        cells = [("–", "–") if c is None else (f"{c.images:,}", f"{c.classes:,}") for c in counts]
        rows.append((split, *cells[0], *cells[1]))
    lines = [f"{row[0]:<12}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows]
    return "\n".join(line + "   differs" * (row[0] in differing) for row, line in zip(rows, lines))


def _read_all(manifest: Manifest) -> tuple[dict[str, str], np.ndarray, list[str]]:
    """Reads every image.

    Returns:
      Reasons by path of those that cannot be read; [num_examples, 2] heights and widths (0 for those); and the paths of
      those that libjpeg warns of.
    """
    files = ImageFiles(manifest.root, manifest.paths)
    bad: dict[str, str] = {}
    sizes = np.zeros([len(manifest), 2], np.int64)

    def size(index: tf.Tensor) -> tf.Tensor:
        return tf.shape(read_all(files.open(index)))[:2]

    read_sizes = iter(tf.data.Dataset.range(len(manifest)).map(size, tf.data.AUTOTUNE))
    with caught_jpeg_warnings() as count, progress(f"reading {manifest.name}", len(manifest), "images") as advance:
        for index, path in enumerate(manifest.paths):
            try:
                sizes[index] = next(read_sizes)
            except tf.errors.OpError as error:  # The next image follows.
                bad[path] = reason(error)
            advance(1)
        readable = np.flatnonzero(sizes.all(axis=1)) if count() else ()
    return bad, sizes, _damaged(files, readable, size)


def _damaged(files: ImageFiles, indices: Iterable[int], read: Callable[[int], tf.Tensor]) -> list[str]:
    """The paths of images that libjpeg warns of, found by reading one after the other."""
    found = []
    for index in indices:
        with caught_jpeg_warnings() as count:
            read(tf.constant(index))
            if count():
                found.append(str(files.paths[index]))
    return found


def _boxes_outside(manifest: Manifest, sizes: np.ndarray) -> list[str]:
    """Boxes that extend beyond their image by more than the pixel that rounding may cost."""
    if manifest.boxes is None:
        return []
    left, top, right, bottom = manifest.boxes.T
    outside = (left < -1) | (top < -1) | (right > sizes[:, 1] + 1) | (bottom > sizes[:, 0] + 1)
    if not outside.any():
        return []
    return [_listed(f"{outside.sum():,} boxes extend beyond their image:", manifest.paths[outside])]


def _same_contents(manifest: Manifest, classes_seen: bool) -> list[str]:
    """Files with the same bytes in two splits or two classes; in one, too, where its images are still to be split."""
    groups = identical_files(list(ImageFiles(manifest.root, manifest.paths).names))
    is_test = manifest.splits == TEST
    kinds = [f"{split} {label}" for split, label in zip(manifest.splits, manifest.labels)]
    # By sentence.
    found: dict[str, list[str]] = {}
    for group in groups:
        if 0 < is_test[group].sum() < len(group):
            what = "in test and in another split, which makes scores too high; leave one of each out"
        elif len({kinds[index] for index in group}) > 1:
            what = "in more than one class or split under different names"
        elif classes_seen:
            what = "present more than once: one may be trained on and another held out, which makes scores too "
            what += "high; leave one of each out"
        else:
            continue
        found.setdefault(what, []).append(" = ".join(manifest.paths[group]))
    return [_listed(f"{counted(len(lines), 'image')} {what}:", lines) for what, lines in found.items()]


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"    {line}" for line in lines)])
