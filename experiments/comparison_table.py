"""Runs side by side, as text, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from evaluate.metrics.registry import STANDARD, title
from evaluate.metrics.statistics import summary
from evaluate.metrics.table import percent, score_table
from experiments.compare import Comparison, Line

PAIRED = "map_at_r"
_PAIRED_TITLE = f"{title(PAIRED)} above the first"


def text_table(comparison: Comparison) -> str:
    """A row for each line, in percent: mean ± deviation over seeds, and the paired difference."""
    rows = {_title(line): list(line.scores.values()) for line in comparison.lines}
    paired = {_title(line): _paired_text(above) for line, above in _paired(comparison)}
    left_out = [f"left out: {reason}" for reason in comparison.left_out]
    return "\n".join([score_table(rows, {_PAIRED_TITLE: paired}), *left_out])


def csv_table(comparison: Comparison) -> str:
    """The same as fractions, unrounded, with a column for each number."""
    parts = ("mean", "deviation")
    columns = [
        *("dataset", "name", "seeds"),
        *(f"{metric}_{part}" for metric in STANDARD for part in parts),
        *(f"{PAIRED}_above_first_{part}" for part in (*parts, "seeds", "of_seeds")),
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for line, above in _paired(comparison):
        scores = _summaries(line)
        row = [line.dataset, line.name, len(line.scores), *(scores[m][part] for m in STANDARD for part in parts)]
        if above:
            row += [*(summary(above)[part] for part in parts), _num_above(above), len(above)]
        writer.writerow(row + [None] * (len(columns) - len(row)))
    return file.getvalue()


def latex_table(comparison: Comparison) -> str:
    """The same as a tabular environment, with the rules of the booktabs package."""
    lines = [
        r"\begin{tabular}{l" + "r" * (len(STANDARD) + 1) + "}",
        r"\toprule",
        " & ".join(["", *(title(metric) for metric in STANDARD), _PAIRED_TITLE]) + r" \\",
        r"\midrule",
    ]
    for line, above in _paired(comparison):
        scores = [percent(score, " $\\pm$ ") for score in _summaries(line).values()]
        lines.append(" & ".join(map(_escaped, [_title(line), *scores, _paired_text(above, " $\\pm$ ")])) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", *(f"% left out: {reason}" for reason in comparison.left_out)]
    return "\n".join(lines)


STYLES: dict[str, Callable[[Comparison], str]] = {"text": text_table, "csv": csv_table, "latex": latex_table}


def _paired(comparison: Comparison) -> Iterator[tuple[Line, list[float]]]:
    """Each line with how much it is above the data set's first line, for each seed that both have."""
    first: dict[str, Line] = {}
    for line in comparison.lines:
        base = first.setdefault(line.dataset, line)
        shared = [] if base is line else [seed for seed in line.scores if seed in base.scores]
        yield line, [line.scores[seed][PAIRED] - base.scores[seed][PAIRED] for seed in shared]


def _paired_text(above: list[float], plus_minus: str = " ± ") -> str:
    if not above:
        return ""
    return f"{percent(summary(above), plus_minus, '+')}, for {_num_above(above)} of {len(above)} seeds"


def _num_above(above: list[float]) -> int:
    return sum(value > 0 for value in above)


def _summaries(line: Line) -> dict[str, dict[str, Any]]:
    return {metric: summary([scores[metric] for scores in line.scores.values()]) for metric in STANDARD}


def _title(line: Line) -> str:
    count = len(line.scores)
    return f"{line.name} ({count} {'seed' if count == 1 else 'seeds'})"


def _escaped(text: str) -> str:
    for character in "_%&#":
        text = text.replace(character, f"\\{character}")
    return text
