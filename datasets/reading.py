"""From the settings of the data to a checked manifest."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from ccp.registry import imported
from datasets.checks import check, missing_files, scoring_problems
from datasets.manifest import Counts, DataError, Manifest
from datasets.registry import DATA_SETS
from datasets.settings import DataSettings

_log = logging.getLogger("ccp")


def load(data: DataSettings) -> Manifest:
    """A data set's manifest, checked: nothing is missing, or a part is let through as ``data.allow_subset`` says.

    Raises:
      DataError: it is not what it should be.
    """
    expected = DATA_SETS[data.dataset].expected
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
    check(manifest, {} if data.allow_subset else expected)
    for problem in scoring_problems(manifest):
        raise DataError(f"{manifest.name}: {problem} Add images, or other classes for test.")
    if data.allow_subset:
        _refuse_more(manifest, expected)
    return manifest


def read(data: DataSettings) -> Manifest:
    """A data set's manifest as its annotations have it, not checked.

    Raises:
      DataError: the annotations cannot be read, or where they are has not been said.
    """
    if data.dataset == "csv" and not data.manifest:
        raise DataError("The data set csv needs --manifest: a CSV file with the columns path and label.")
    if DATA_SETS[data.dataset].in_folder and not data.data_dir:
        raise DataError(f"The data set {data.dataset} needs --data_dir: the directory that its files are in.")
    return imported(DATA_SETS[data.dataset].reader)(data)


def _refuse_more(manifest: Manifest, expected: Mapping[str, Counts]) -> None:
    """A subset may hold less than the data set does, but nothing else."""
    for part, found in manifest.counts().items():
        most = expected.get(part, Counts(0, 0))
        if expected and (found.images > most.images or found.classes > most.classes):
            raise DataError(
                f"{manifest.name} is no subset: {part} has {found.images} images of {found.classes} classes, and all "
                f"of it {most.images} of {most.classes}. Mend the annotations."
            )
