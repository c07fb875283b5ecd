"""A data set as it lies on disk, against what it should be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from datasets.checks import missing_files, scoring_problems, structure_problems
from datasets.images.image import read_all
from datasets.images.sources import ImageFiles
from datasets.input.bad_images import SKIP, BadImages
from datasets.input.loading import Row, RowLoader
from datasets.manifest import Counts, Manifest
from datasets.progress import progress
from datasets.reading import read
from datasets.registry import DATA_SETS
from datasets.settings import DataSettings

_IN_A_ROW = 16


class Report(NamedTuple):
    """What was found.

    Attributes:
      text: to show.
      as_expected: whether nothing is amiss.
    """

    text: str
    as_expected: bool


def validate(data: DataSettings, read_images: bool = True) -> Report:
    """Compares a data set with what it should be.

    Args:
      data: which one, and whether less than all of it is fine.
      read_images: decode every image, and look for files of the same contents.

    Raises:
      DataError: the annotations cannot be read.
    """
    manifest = read(data)
    expected = DATA_SETS[data.dataset].expected
    missing = missing_files(manifest)
    present = manifest.subset(np.setdiff1d(np.arange(len(manifest)), missing)) if len(missing) else manifest
    found = present.counts()
    problems = [*structure_problems(manifest), *scoring_problems(manifest)]
    notes: list[str] = []
    if len(missing):
        problem = f"{len(missing):,} image files are missing in {manifest.root}:"
        (notes if data.allow_subset else problems).append(_listed(problem, manifest.paths[missing]))
    if read_images and manifest.pixels is None and len(present):
        bad, sizes = _read_all(present)
        if bad:
            lines = [f"{path}: {reason}" for path, reason in bad.items()]
            problems.append(_listed(f"{len(bad):,} images cannot be read:", lines))
        problems += _boxes_outside(present, sizes)
        notes += _same_contents(present)
    elif manifest.pixels is None:
        notes.append("images were not read")
    differs = [part for part in {**expected, **found} if not _fits(found.get(part), expected, part, data.allow_subset)]
    lines = [
        _table(found, expected, differs),
        *(f"- {problem}" for problem in problems),
        *(f"- (note) {note}" for note in notes),
    ]
    as_expected = not problems and not differs
    verdict = "a part of it, as allowed" if data.allow_subset and found != dict(expected) else "as it should be"
    remedy = "not as it should be" + ("" if data.allow_subset else "; --allow_subset lets a part through knowingly")
    lines.append(f"{data.dataset}: {verdict if as_expected else remedy}")
    return Report("\n".join(lines), as_expected)


def _fits(found: Counts | None, expected: Mapping[str, Counts], part: str, allow_subset: bool) -> bool:
    if not expected or found == expected.get(part):
        return True
    if not allow_subset or part not in expected:
        return False
    return found is None or (found.images <= expected[part].images and found.classes <= expected[part].classes)


def _table(found: Mapping[str, Counts], expected: Mapping[str, Counts], differs: Sequence[str]) -> str:
    rows = [("", "found", "", "expected", ""), ("", "images", "classes", "images", "classes")]
    for part in {**expected, **found}:
        here, there = found.get(part, Counts(0, 0)), expected.get(part)
        known = ["–", "–"] if there is None else [f"{there.images:,}", f"{there.classes:,}"]
        rows.append((part, f"{here.images:,}", f"{here.classes:,}", *known))
    lines = [f"{row[0]:<12}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows]
    return "\n".join(line + "   differs" * (line.split(" ")[0] in differs and bool(line.strip())) for line in lines)


def _read_all(manifest: Manifest) -> tuple[dict[str, str], np.ndarray]:
    """Reasons by file of the images that cannot be read, and [num_examples, 2] heights and widths (0 for those)."""
    files = ImageFiles(manifest.root, manifest.paths)
    bad = BadImages(SKIP, root=manifest.root, survey=True)
    sizes = np.zeros([len(manifest), 2], np.int64)

    def size_of(index: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.shape(read_all(files.open(index)))[:2], tf.float32)

    def rows():
        for begin in range(0, len(manifest), _IN_A_ROW):
            indices = np.arange(begin, min(begin + _IN_A_ROW, len(manifest)))
            yield Row(indices, np.zeros([len(indices), 2], np.int64))

    with progress(f"reading {manifest.name}", len(manifest), "images") as advance:
        for indices, read_sizes in RowLoader(size_of, files.paths, bad)(rows):
            sizes[indices] = read_sizes.numpy()
            advance(len(indices))
    return bad.found, sizes


def _boxes_outside(manifest: Manifest, sizes: np.ndarray) -> list[str]:
    """Boxes that reach out of their image by more than the pixel that rounding may cost."""
    if manifest.boxes is None:
        return []
    left, top, right, bottom = manifest.boxes.T
    outside = (left < -1) | (top < -1) | (right > sizes[:, 1] + 1) | (bottom > sizes[:, 0] + 1)
    outside &= sizes[:, 0] > 0
    if not outside.any():
        return []
    return [_listed(f"{outside.sum():,} boxes reach out of their image:", manifest.paths[outside])]


def _same_contents(manifest: Manifest) -> list[str]:
    """Files with the same bytes in two splits or two classes; only those of the same size are read for it."""
    names = ImageFiles(manifest.root, manifest.paths).names
    by_size: dict[int, list[int]] = {}
    for index, name in enumerate(names):
        by_size.setdefault(os.stat(name).st_size, []).append(index)
    by_contents: dict[bytes, list[int]] = {}
    for indices in by_size.values():
        if len(indices) > 1:
            for index in indices:
                with open(names[index], "rb") as file:
                    by_contents.setdefault(hashlib.sha256(file.read()).digest(), []).append(index)
    kinds = [f"{split} {label}" for split, label in zip(manifest.splits, manifest.labels)]
    twins = [group for group in by_contents.values() if len({kinds[index] for index in group}) > 1]
    if not twins:
        return []
    lines = [" = ".join(manifest.paths[group]) for group in twins]
    return [_listed(f"{len(twins):,} images are in more than one class or split under different names:", lines)]


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"    {line}" for line in lines)])
