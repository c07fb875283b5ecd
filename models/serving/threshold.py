"""The distance below which two images are of one class, as ``threshold.json`` in a run and in an exported model.

Free of TensorFlow. The file holds ``threshold`` and ``interval_95`` (Euclidean distances between normalised
embeddings), and what they are from: ``fmr``, ``calibration`` and ``test``; see ``docs/serving.md``.
"""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ccp.errors import UserError, first_line
from datasets.files import read_json

THRESHOLD_FILE = "threshold.json"
SAME, UNSURE, DIFFERENT = "same", "unsure", "different"


class ThresholdError(UserError):
    """A file that should hold a threshold holds something else."""


class Threshold(NamedTuple):
    """When two images count as of one class.

    Attributes:
      distance: two images nearer than this are of one class, for the false match rate that it was chosen for.
      low: lower end of its 95% interval.
      high: upper end.
      fmr: that false match rate: the share of pairs of two classes that are nearer.
    """

    distance: float
    low: float
    high: float
    fmr: float

    def verdicts(self, distances: np.ndarray) -> np.ndarray:
        """``same`` below the interval, ``different`` above it, ``unsure`` within, ends included.

        Args:
          distances: of any shape, Euclidean between normalised embeddings.

        Returns:
          Texts in the same shape.
        """
        distances = np.asarray(distances)
        return np.where(distances < self.low, SAME, np.where(distances > self.high, DIFFERENT, UNSURE))


def parse_threshold(record: Mapping[str, Any]) -> Threshold:
    """The threshold in the contents of a ``threshold.json``.

    Raises:
      ThresholdError: they are no threshold.
    """
    try:
        low, high = record["interval_95"]
        threshold = Threshold(*(float(value) for value in (record["threshold"], low, high, record["fmr"])))
    except (KeyError, TypeError, ValueError):
        raise ThresholdError("there is no threshold with its interval_95 and fmr in it") from None
    if not 0 <= threshold.low <= threshold.distance <= threshold.high < math.inf or not 0 < threshold.fmr < 1:
        raise ThresholdError(
            f"{threshold.low:g} ≤ {threshold.distance:g} ≤ {threshold.high:g} is no threshold in its interval, or an "
            f"fmr of {threshold.fmr:g} no rate"
        )
    return threshold


def read_threshold(directory: str | os.PathLike) -> Threshold | None:
    """The threshold of a run, or of a version of an exported model.

    Args:
      directory: with ``threshold.json``; of a version, not of all versions.

    Returns:
      The threshold; None if there is no such file.

    Raises:
      ThresholdError: the file is damaged or holds something else.
    """
    record = read_threshold_record(directory)
    return None if record is None else parse_threshold(record)


def read_threshold_record(directory: str | os.PathLike) -> dict[str, Any] | None:
    """All that ``threshold.json`` holds, checked; see ``read_threshold``."""
    path = pathlib.Path(directory, THRESHOLD_FILE)
    if not path.exists():
        return None
    try:
        record = read_json(path)
        parse_threshold(record)
    except (OSError, UserError) as error:
        raise ThresholdError(
            f"{path} cannot be used ({first_line(error)}); write it again with main.py calibrate, or delete it."
        ) from error
    return record
