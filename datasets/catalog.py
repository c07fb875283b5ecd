"""Every data set by name, with what is known of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ccp.config import DATASETS_IN_FOLDERS, DataConfig
from datasets import cars196, csv_file, cub, digits, folder, inshop, keras_sets, omniglot, sop
from datasets.checks import check, missing_files, scoring_problems
from datasets.manifest import Counts, DataError, Manifest

_log = logging.getLogger("ccp")


class DataSet(NamedTuple):
    """How a data set is read, and what it should hold.

    Attributes:
      read: its annotations, as they are.
      expected: images and classes by part; empty where anything goes.
    """

    read: Callable[[DataConfig], Manifest]
    expected: Mapping[str, Counts]


DATA_SETS = {
    "digits": DataSet(lambda data: digits.load(), {}),
    "omniglot": DataSet(lambda data: omniglot.load(data.data_dir), omniglot.EXPECTED),
    "mnist": DataSet(lambda data: keras_sets.load("mnist"), keras_sets.EXPECTED["mnist"]),
    "cifar10": DataSet(lambda data: keras_sets.load("cifar10"), keras_sets.EXPECTED["cifar10"]),
    "cifar100": DataSet(lambda data: keras_sets.load("cifar100"), keras_sets.EXPECTED["cifar100"]),
    "cub": DataSet(lambda data: cub.load(data.data_dir), cub.EXPECTED),
    "cars196": DataSet(lambda data: cars196.load(data.data_dir), cars196.EXPECTED),
    "sop": DataSet(lambda data: sop.load(data.data_dir), sop.EXPECTED),
    "inshop": DataSet(lambda data: inshop.load(data.data_dir), inshop.EXPECTED),
    "folder": DataSet(lambda data: folder.load(data.data_dir, data.test_fraction), {}),
    "csv": DataSet(lambda data: csv_file.load(data.manifest, data.data_dir, data.test_fraction), {}),
}


def load(data: DataConfig) -> Manifest:
    """A data set's manifest, checked: nothing is missing, or a part is let through as ``data.allow_subset`` says.

    Raises:
      DataError: it is not what it should be.
    """
    dataset = DATA_SETS[data.dataset]
    manifest = read(data)
    missing = missing_files(manifest)
    if len(missing) and not data.allow_subset:
        raise DataError(
            f"{len(missing)} of the {len(manifest)} image files of {data.dataset} are not in {manifest.root}, as "
            f"{manifest.paths[missing[0]]}. Complete them, or go on knowingly without them with --allow_subset."
        )
    if len(missing):
        if len(missing) == len(manifest):
            raise DataError(f"None of the {len(manifest)} image files of {data.dataset} is in {manifest.root}.")
        _log.warning("left out: %d of %d image files of %s are not there", len(missing), len(manifest), data.dataset)
        manifest = manifest.subset(np.setdiff1d(np.arange(len(manifest)), missing))
    check(manifest, {} if data.allow_subset else dataset.expected)
    for problem in scoring_problems(manifest):
        raise DataError(f"{manifest.name}: {problem} Add images, or other classes for test.")
    if data.allow_subset:
        _refuse_more(manifest, dataset.expected)
    return manifest


def read(data: DataConfig) -> Manifest:
    """A data set's manifest as its annotations have it, not checked.

    Raises:
      DataError: the annotations cannot be read, or where they are has not been said.
    """
    if data.dataset == "csv" and not data.manifest:
        raise DataError("The data set csv needs --manifest: a CSV file with the columns path and label.")
    if data.dataset in DATASETS_IN_FOLDERS and not data.data_dir:
        raise DataError(f"The data set {data.dataset} needs --data_dir: the directory that its files are in.")
    return DATA_SETS[data.dataset].read(data)


def _refuse_more(manifest: Manifest, expected: Mapping[str, Counts]) -> None:
    """A subset may hold less than the data set does, but nothing else."""
    for part, found in manifest.counts().items():
        most = expected.get(part, Counts(0, 0))
        if expected and (found.images > most.images or found.classes > most.classes):
            raise DataError(
                f"{manifest.name} is no subset: {part} has {found.images} images of {found.classes} classes, and all "
                f"of it {most.images} of {most.classes}. Mend the annotations."
            )
