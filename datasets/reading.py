"""From the settings of the data to a checked manifest."""

from __future__ import annotations

import logging

import numpy as np

from datasets.checks import check, missing_files, scoring_problems
from datasets.manifest import DataError, Manifest
from datasets.registry import DATA_SETS
from datasets.settings import DataSettings
from datasets.unlabelled import without_labels

_log = logging.getLogger("ccp")


def load(settings: DataSettings) -> Manifest:
    """A data set's manifest, checked: nothing is missing, unless ``settings.allow_subset`` accepts that.

    Raises:
      DataError: the data set cannot be used as it is.
    """
    manifest = read(settings)
    missing = missing_files(manifest)
    if len(missing) and not settings.allow_subset:
        raise DataError(
            f"{manifest.root} lacks {len(missing)} of the {len(manifest)} image files of {settings.dataset}, as "
            f"{manifest.paths[missing[0]]}. Complete them, or accept their absence with --allow_subset."
        )
    if len(missing) == len(manifest):
        raise DataError(f"None of the {len(manifest)} image files of {settings.dataset} is in {manifest.root}.")
    if len(missing):
        _log.warning("missing image files of %s: %d of %d", settings.dataset, len(missing), len(manifest))
        manifest = manifest.subset(np.setdiff1d(np.arange(len(manifest)), missing))
    check(manifest, DATA_SETS[settings.dataset].expected, settings.allow_subset)
    if settings.labels == "none":
        manifest = without_labels(manifest)
    for problem in scoring_problems(manifest):
        raise DataError(f"{manifest.name}: {problem} Add images, or choose other classes for test.")
    return manifest


def read(settings: DataSettings) -> Manifest:
    """A data set's manifest as its annotations have it, not checked.

    Raises:
      DataError: the annotations cannot be read, or the settings do not say where they are.
    """
    if settings.dataset == "csv" and not settings.manifest:
        raise DataError("The data set csv needs --manifest: a CSV file with the columns path and label.")
    if DATA_SETS[settings.dataset].in_folder and not settings.data_dir:
        raise DataError(f"The data set {settings.dataset} needs --data_dir: the directory that its files are in.")
    return DATA_SETS[settings.dataset].load(settings)
