"""The checks that every manifest passes before it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from datasets.manifest import GALLERY, QUERY, ROLES, SPLITS, TEST, VALIDATION, Counts, DataError, Manifest

_NAMED = 5


def check(manifest: Manifest, expected: Mapping[str, Counts] | None = None) -> None:
    """Raises a DataError for anything that would make a result wrong.

    Labels are contiguous from 0 and each has a name; splits and roles are known; queries come with a gallery;
    test classes are in no other split; no path occurs twice; boxes are not empty; and the counts are the
    expected ones.

    Args:
      manifest: of a data set.
      expected: images and classes by split, as ``Manifest.counts`` has them, where they are known.
    """
    for problem in (*structure_problems(manifest), *count_problems(manifest, expected or {})):
        raise DataError(f"{manifest.name}: {problem}")


def structure_problems(manifest: Manifest) -> list[str]:
    """What is wrong with a manifest by itself, a sentence each."""
    # The other checks compare columns with each other, so these must be of one length.
    return _shape_problems(manifest) or [
        problem
        for find in (_label_problems, _split_problems, _path_problems, _box_problems)
        for problem in find(manifest)
    ]


def count_problems(manifest: Manifest, expected: Mapping[str, Counts]) -> list[str]:
    """Where counts differ from the expected ones, a sentence for each split."""
    found = manifest.counts() if expected else {}
    return [
        f"{split} should have {expected.get(split, Counts(0, 0)).images} images of "
        f"{expected.get(split, Counts(0, 0)).classes} classes; it has {found.get(split, Counts(0, 0)).images} of "
        f"{found.get(split, Counts(0, 0)).classes}. Complete the data, or accept less with --allow_subset."
        for split in {**expected, **found}
        if found.get(split) != expected.get(split)
    ]


def scoring_problems(manifest: Manifest) -> list[str]:
    """A sentence for each split that cannot be scored, as none of its queries has anything to find."""
    problems = []
    for split in (VALIDATION, TEST):
        labels, roles = manifest.labels[manifest.splits == split], manifest.roles[manifest.splits == split]
        found = labels[roles == GALLERY] if (roles != "").any() else labels[_is_repeated(labels)]
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
            return frozenset(entry.name for entry in entries if _is_file(entry))
    except OSError:
        return frozenset()


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    except OSError:  # A link that leads to itself.
        return False


def _shape_problems(manifest: Manifest) -> list[str]:
    columns = {"paths": manifest.paths, "splits": manifest.splits, "roles": manifest.roles}
    optional = {"boxes": manifest.boxes, "pixels": manifest.pixels}
    columns.update({name: column for name, column in optional.items() if column is not None})
    return [
        f"every example needs one entry in each column; there are {len(manifest)} labels and {len(column)} {name}."
        for name, column in columns.items()
        if len(column) != len(manifest)
    ]


def _label_problems(manifest: Manifest) -> list[str]:
    found = np.unique(manifest.labels)
    if np.array_equal(found, np.arange(len(manifest.class_names))):
        return []
    return [
        f"labels must be 0 … {len(manifest.class_names) - 1}, each used, one for each class name; found "
        f"{_few([str(label) for label in found])}."
    ]


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


def _is_repeated(labels: np.ndarray) -> np.ndarray:
    """[num] whether a label has occurred before."""
    _, first = np.unique(labels, return_index=True)
    return ~np.isin(np.arange(len(labels)), first)


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


def _few(names: Sequence[str]) -> str:
    names = list(names)
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
