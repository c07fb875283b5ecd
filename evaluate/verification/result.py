"""Error rates of verification as data."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np


class Rate(NamedTuple):
    """An error rate.

    Attributes:
      value: the share of pairs that are wrong.
      errors: how many these are.
      pairs: of how many.
      interval_95: by resampled classes, [low, high]; None where there are too few classes, or no errors to resample.
    """

    value: float
    errors: int
    pairs: int
    interval_95: list[float] | None

    def __str__(self) -> str:
        """In percent, with its interval, or with its count where there is none."""
        if self.interval_95:
            low, high = (f"{100 * end:.3g}" for end in self.interval_95)
            return f"{100 * self.value:.3g}% [{low}, {high}]"
        return f"{100 * self.value:.3g}% ({self.errors:,} of {self.pairs:,} pairs)"


class OperatingPoint(NamedTuple):
    """A threshold, and how often it is wrong.

    Attributes:
      threshold: pairs nearer than this are taken for one class; None where the wanted rate cannot be estimated.
      interval_95: of the threshold at the wanted rate, by resampled classes; None where there is none.
      fmr: false match rate: impostor pairs that are nearer.
      fnmr: false non-match rate: genuine pairs that are not.
      wanted_fmr: the threshold is the largest whose false match rate is at most this; None where it was given.
      reason: why it cannot be estimated; empty where it can.
    """

    threshold: float | None
    interval_95: list[float] | None = None
    fmr: Rate | None = None
    fnmr: Rate | None = None
    wanted_fmr: float | None = None
    reason: str = ""

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self._asdict(),
            **{name: rate and rate._asdict() for name, rate in (("fmr", self.fmr), ("fnmr", self.fnmr))},
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """False non-match rates by false match rate.

    Attributes:
      fmr: [points], ascending.
      fnmr: [points].
      fnmr_interval: [2, points] of fnmr, 95%; None where there are too few classes.
    """

    fmr: np.ndarray
    fnmr: np.ndarray
    fnmr_interval: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class Verification:
    """Error rates over all pairs of a set.

    Attributes:
      genuine_pairs: pairs of one class.
      impostor_pairs: pairs of two classes.
      num_classes: all classes.
      classes_without_genuine: those that have no genuine pair, as of a single image; they are in impostor pairs only.
      lowest_fmr: false match rates below this cannot be estimated from so many impostor pairs.
      eer: equal error rate, at which both error rates are equal: where the piecewise linear ROC is.
      eer_interval_95: by resampled classes; None where there are too few.
      at_fmr: the wanted false match rates.
      at_threshold: the given thresholds.
      curve: the ROC.
      note: what is to be said of the intervals; empty if nothing.
    """

    genuine_pairs: int
    impostor_pairs: int
    num_classes: int
    classes_without_genuine: int
    lowest_fmr: float
    eer: float
    eer_interval_95: list[float] | None
    at_fmr: tuple[OperatingPoint, ...]
    at_threshold: tuple[OperatingPoint, ...]
    curve: Curve
    note: str

    def lines(self) -> list[str]:
        """The rates at the wanted false match rates, a line each, and the equal error rate."""
        shown = [f"FNMR at FMR {point.wanted_fmr:g}: {point.fnmr or point.reason}" for point in self.at_fmr]
        interval = self.eer_interval_95
        ends = f" [{100 * interval[0]:.3g}, {100 * interval[1]:.3g}]" if interval else ""
        return [*shown, f"equal error rate: {100 * self.eer:.3g}%{ends}", *([self.note] if self.note else [])]

    def record(self) -> dict[str, Any]:
        """For JSON; without the curve."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "curve"]
        points = {name: [point.record() for point in getattr(self, name)] for name in ("at_fmr", "at_threshold")}
        return {**{name: getattr(self, name) for name in names}, **points}
