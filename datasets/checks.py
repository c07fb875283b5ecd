"""The checks that every manifest passes before it is used."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import numpy as np

from ccp.wording import counted
from datasets.manifest import GALLERY, QUERY, ROLES, SPLITS, TEST, VALIDATION, Counts, DataError, Manifest

_NAMED = 5


def check(manifest: Manifest, expected: Mapping[str, Counts] | None = None, allow_subset: bool = False) -> None:
    """Raises a DataError for anything that would make a result wrong.

    Splits and roles are known; queries come with a gallery; test classes are in no other split; no path occurs
    twice; boxes are not empty; and the counts are the expected ones.

    Args:
      manifest: of a data set.
      expected: images and classes by split, as ``Manifest.counts`` has them, where they are known.
      allow_subset: accept less than is expected.
    """
    counts = count_problems(manifest.counts(), expected or {}, allow_subset)
    for problem in (*structure_problems(manifest), *counts.values()):
        raise DataError(f"{manifest.name}: {problem}")


def structure_problems(manifest: Manifest) -> list[str]:
    """What is wrong with a manifest by itself, a sentence each."""
    return [*_split_problems(manifest), *_path_problems(manifest), *_box_problems(manifest)]


def count_problems(
    found: Mapping[str, Counts], expected: Mapping[str, Counts], allow_subset: bool = False
) -> dict[str, str]:
    """By split, a sentence for counts that differ from the expected ones; none where nothing is expected."""
    problems = {}
    for split in {**expected, **found} if expected else ():
        wanted, present = expected.get(split, Counts(0, 0)), found.get(split, Counts(0, 0))
        is_less = present.images <= wanted.images and present.classes <= wanted.classes
        if present != wanted and not (allow_subset and is_less):
            remedy = "Complete the data, or accept less with --allow_subset." if is_less else "Fix the annotations."
            problems[split] = (
                f"{split} should have {counted(wanted.images, 'image')} of {counted(wanted.classes, 'class')}; it "
                f"has {present.images:,} of {present.classes:,}. {remedy}"
            )
    return problems


def scoring_problems(manifest: Manifest) -> list[str]:
    """A sentence for each split that cannot be scored, as none of its queries has anything to find."""
    problems = []
    for split in (VALIDATION, TEST):
        labels, roles = manifest.labels[manifest.splits == split], manifest.roles[manifest.splits == split]
        found = labels[roles == GALLERY] if (roles != "").any() else np.flatnonzero(np.bincount(labels) > 1)
        if len(labels) and not np.isin(labels[roles != GALLERY], found).any():
            problems.append(f"no {split} image has another one of its class to be found, so nothing can be scored.")
    return problems


def missing_files(manifest: Manifest) -> np.ndarray:
    """Indices of the examples whose file is missing, found by listing each folder once."""
    if manifest.pixels is not None:
        return np.empty(0, np.int64)
    listings: dict[str, frozenset[str]] = {}
    missing = []
    for index, path in enumerate(manifest.paths):
        folder, name = os.path.split(path)
        if folder not in listings:
            listings[folder] = _file_names(os.path.join(manifest.root, folder))
        if name not in listings[folder]:
            missing.append(index)
    return np.array(missing, np.int64)


def _file_names(folder: str) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            # The second answers for links, also those that lead to themselves.
            return frozenset(e.name for e in entries if e.is_file(follow_symlinks=False) or os.path.isfile(e.path))
    except OSError:
        return frozenset()


def _split_problems(manifest: Manifest) -> list[str]:
    problems = []
    for what, column, known in (("split", manifest.splits, SPLITS), ("role", manifest.roles, ROLES)):
        unknown = sorted(set(np.unique(column)) - set(known))
        if unknown:
            problems.append(f"a {what} is one of {', '.join(map(repr, known))}; found {_few(map(repr, unknown))}.")
    is_test = manifest.splits == TEST
    if (manifest.roles[~is_test] != "").any():
        problems.append("only test examples are queries or gallery; others are too.")
    roles = set(np.unique(manifest.roles[is_test]))
    if roles - {""} and roles != {QUERY, GALLERY}:
        problems.append(
            "a test set is either all queries and gallery, with some of both, or neither; found the roles "
            f"{_few(map(repr, sorted(roles)))}."
        )
    shared = np.intersect1d(manifest.labels[is_test], manifest.labels[~is_test])
    if len(shared):
        problems.append(
            f"test classes must be unseen in training; {len(shared)} are in both: "
            f"{_few([manifest.class_names[label] for label in shared])}."
        )
    return problems


def _path_problems(manifest: Manifest) -> list[str]:
    paths, counts = np.unique(manifest.paths.astype(str), return_counts=True)
    twice = paths[counts > 1]
    return [f"no image may occur twice; {len(twice)} do: {_few(twice)}."] if len(twice) else []


def _box_problems(manifest: Manifest) -> list[str]:
    if manifest.boxes is None:
        return []
    left, top, right, bottom = manifest.boxes.T
    empty = np.flatnonzero((left >= right) | (top >= bottom) | (right <= 0) | (bottom <= 0))
    if not len(empty):
        return []
    return [
        f"{len(empty)} boxes hold no pixel of their image: {_few(manifest.paths[empty])}, as "
        f"{manifest.boxes[empty[0]].tolist()} (left, top, right, bottom)."
    ]


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
