"""What is measured: a number, its spread and its goal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.timing import Ratio


class Figure(NamedTuple):
    """One line of the table.

    Attributes:
      name: what was measured.
      unit: ``× …`` for a ratio, naming what it is relative to; or MB, s, or per second.
      value: the median, or the measurement if there is just one.
      low: first quartile over rounds; None if there are none.
      high: third quartile.
      goal: value should not be above it; None is a figure for information.
    """

    name: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None
    goal: float | None = None


class FigureBenchmark(tf.test.Benchmark):
    """A suite: its ``benchmark_…`` methods record figures."""

    def __init__(self):
        super().__init__()
        self.figures: list[Figure] = []

    def record_ratio(self, name: str, to: str, ratio: Ratio, goal: float | None = None) -> None:
        self._record(Figure(name, f"× {to}", ratio.median, ratio.low, ratio.high, goal))

    def record_memory(self, name: str, megabytes: float | None, goal: float | None = None) -> None:
        if megabytes is not None:
            self._record(Figure(name, "MB", megabytes, goal=goal))

    def record_bytes(self, name: str, to: str, ratio: float, goal: float | None = None) -> None:
        self._record(Figure(f"{name}, bytes", f"× {to}", ratio, goal=goal))

    def record_seconds(self, name: str, seconds: float, goal: float) -> None:
        self._record(Figure(name, "s", seconds, goal=goal))

    def record_rate(self, name: str, seconds: np.ndarray) -> None:
        """Of something that took so many seconds in each round, how often it happens in one; for information."""
        low, median, high = np.percentile(1.0 / seconds, [25, 50, 75])
        self._record(Figure(name, "per second", float(median), float(low), float(high)))

    def run_all(self) -> list[Figure]:
        """Runs every benchmark of the suite, in the order in which they are written."""
        for name in vars(type(self)):
            if name.startswith("benchmark_"):
                getattr(self, name)()
        return self.figures

    def _record(self, figure: Figure) -> None:
        self.figures.append(figure)
        extras = {key: value for key, value in figure._asdict().items() if value is not None and key != "name"}
        self.report_benchmark(name=figure.name, extras=extras)


def table(figures: Iterable[Figure]) -> str:
    """The figures as plain text, one line each."""
    rows = [("", "measured", "quartiles", "goal", "")]
    for figure in figures:
        spread = "" if figure.low is None else f"{_number(figure.low)} – {_number(figure.high)}"
        goal = "" if figure.goal is None else f"at most {_number(figure.goal)}"
        rows.append((figure.name, _number(figure.value), spread, goal, figure.unit))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    name, *numbers, unit = widths
    return "\n".join(
        "  ".join(
            [row[0].ljust(name), *(cell.rjust(w) for cell, w in zip(row[1:], numbers)), row[-1].ljust(unit)]
        ).rstrip()
        for row in rows
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"
