"""Runs side by side, as text, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from evaluate.metrics.retrieval import METRICS, TITLES
from evaluate.metrics.statistics import summary
from experiments.compare import Comparison, Line

PAIRED = "map_at_r"


class Cells(NamedTuple):
    """What a table says of a line.

    Attributes:
      line: the runs.
      scores: for each metric, the summary over seeds.
      difference: of ``PAIRED``, the summary over the seeds that it shares with the data set's first line, of how much
        it is above that; None for that line itself, and where no seed is shared.
      above: for how many of these seeds it is.
    """

    line: Line
    scores: dict[str, dict[str, Any]]
    difference: dict[str, Any] | None
    above: int


def text_table(comparison: Comparison) -> str:
    """A line for each setting, in percent: mean ± deviation over seeds, and the paired difference."""
    rows = [_texts(cells, " ± ") for cells in _cells(comparison)]
    rows.insert(0, ["", *(TITLES[metric] for metric in METRICS), f"{TITLES[PAIRED]} above the first"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:]))]).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *(f"left out: {reason}" for reason in comparison.left_out)])


def csv_table(comparison: Comparison) -> str:
    """The same as fractions, unrounded, with a column for each number."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = [f"{metric}_{what}" for metric in METRICS for what in ("mean", "deviation")]
    paired = [f"{PAIRED}_above_first_{what}" for what in ("mean", "deviation", "seeds", "of_seeds")]
    writer.writerow(["dataset", "name", "seeds", *names, *paired])
    for cells in _cells(comparison):
        numbers = [cells.scores[metric][what] for metric in METRICS for what in ("mean", "deviation")]
        difference = cells.difference
        last = ["", "", "", ""]
        if difference is not None:
            last = [difference["mean"], difference["deviation"], cells.above, difference["count"]]
        row = [cells.line.dataset, cells.line.name, len(cells.line.scores), *numbers, *last]
        writer.writerow(["" if value is None else value for value in row])
    return file.getvalue()


def latex_table(comparison: Comparison) -> str:
    """The same as a tabular environment, with the rules of the booktabs package."""
    titles = " & ".join(["", *(TITLES[metric] for metric in METRICS), f"{TITLES[PAIRED]} above the first"])
    rows = [" & ".join(map(_escaped, _texts(cells, " $\\pm$ "))) + r" \\" for cells in _cells(comparison)]
    left_out = [f"% left out: {reason}" for reason in comparison.left_out]
    return "\n".join(
        [
            r"\begin{tabular}{l" + "r" * (len(METRICS) + 1) + "}",
            r"\toprule",
            titles + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            *left_out,
        ]
    )


STYLES: dict[str, Callable[[Comparison], str]] = {"text": text_table, "csv": csv_table, "latex": latex_table}


def _cells(comparison: Comparison) -> Sequence[Cells]:
    first: dict[str, Line] = {}
    table = []
    for line in comparison.lines:
        base = first.setdefault(line.dataset, line)
        scores = {metric: summary([one[metric] for one in line.scores.values()]) for metric in METRICS}
        shared = [] if base is line else [seed for seed in line.scores if seed in base.scores]
        above = [line.scores[seed][PAIRED] - base.scores[seed][PAIRED] for seed in shared]
        table.append(Cells(line, scores, summary(above) if above else None, sum(value > 0 for value in above)))
    return table


def _texts(cells: Cells, plus_minus: str) -> list[str]:
    count = len(cells.line.scores)
    name = f"{cells.line.name} ({count} {'seed' if count == 1 else 'seeds'})"
    scores = [_percent(cells.scores[metric], plus_minus, "") for metric in METRICS]
    if cells.difference is None:
        return [name, *scores, ""]
    seeds = f", for {cells.above} of {cells.difference['count']} seeds"
    return [name, *scores, _percent(cells.difference, plus_minus, "+") + seeds]


def _percent(scores: dict[str, Any], plus_minus: str, sign: str) -> str:
    text = f"{100 * scores['mean']:{sign}.2f}"
    return text if scores["deviation"] is None else f"{text}{plus_minus}{100 * scores['deviation']:.2f}"


def _escaped(text: str) -> str:
    return text.replace("_", r"\_").replace("%", r"\%").replace("&", r"\&").replace("#", r"\#")
