"""Runs side by side, as text, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from evaluate.metrics.registry import STANDARD, title
from evaluate.metrics.statistics import summary
from evaluate.metrics.table import percent, score_table
from experiments.compare import Comparison, Line, Scores

PAIRED = "map_at_r"
_PAIRED_TITLE = f"{title(PAIRED)} above the first"


class Row(NamedTuple):
    """A row of the table.

    Attributes:
      name: data set and what was scored; unique among the rows.
      dataset: the data set.
      scores: by seed, scores by metric.
      trained: whether these are scores of trained networks.
      above: how much each seed is above the data set's first line, for those that both have.
      combined: as of ``Line``.
    """

    name: str
    dataset: str
    scores: Scores
    trained: bool = True
    above: Sequence[float] = ()
    combined: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

    @property
    def title(self) -> str:
        """The name, and how many seeds there are, or combinations of models."""
        if self.combined:
            return f"{self.name} ({self.combined[PAIRED]['count']} combinations)"
        count = len(self.scores)
        return f"{self.name} ({count} {'seed' if count == 1 else 'seeds'})"

    @property
    def summaries(self) -> Mapping[str, Mapping[str, Any]]:
        """By metric."""
        if self.combined:
            return self.combined
        return {metric: summary([scores[metric] for scores in self.scores.values()]) for metric in STANDARD}


def text_table(comparison: Comparison) -> str:
    """A row for each line, in percent: mean ± deviation over seeds, and the paired difference.

    Before a line are the scores of its networks before training, unless an earlier line has the same.
    """
    rows = table_rows(comparison)
    scores = {row.title: row.combined or list(row.scores.values()) for row in rows}
    paired = {row.title: _paired_text(row.above) for row in rows}
    return "\n".join([score_table(scores, {_PAIRED_TITLE: paired}), *_notes(comparison)])


def csv_table(comparison: Comparison) -> str:
    """The same as fractions, unrounded, with a column for each number."""
    parts = ("mean", "deviation")
    columns = [
        *("dataset", "name", "trained", "seeds"),
        *(f"{metric}_{part}" for metric in STANDARD for part in parts),
        *(f"{PAIRED}_above_first_{part}" for part in (*parts, "seeds", "of_seeds")),
        "seeds_without_projection",
    ]
    missed = {line.name: len(line.without_projection) for line in comparison.lines}
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for row in table_rows(comparison):
        values = {"dataset": row.dataset, "name": row.name, "trained": "yes" if row.trained else "no"}
        values["seeds"] = len(row.scores)
        values.update({f"{metric}_{part}": row.summaries[metric][part] for metric in STANDARD for part in parts})
        if row.above:
            values.update({f"{PAIRED}_above_first_{part}": summary(row.above)[part] for part in parts})
            values[f"{PAIRED}_above_first_seeds"] = _num_above(row.above)
            values[f"{PAIRED}_above_first_of_seeds"] = len(row.above)
        if row.trained:
            values["seeds_without_projection"] = missed[row.name]
        writer.writerow(values)
    return file.getvalue()


def latex_table(comparison: Comparison) -> str:
    """The same as a tabular environment, with the rules of the booktabs package."""
    lines = [
        r"\begin{tabular}{l" + "r" * (len(STANDARD) + 1) + "}",
        r"\toprule",
        " & ".join(["", *(title(metric) for metric in STANDARD), _PAIRED_TITLE]) + r" \\",
        r"\midrule",
    ]
    for row in table_rows(comparison):
        scores = [percent(score, " $\\pm$ ") for score in map(row.summaries.get, STANDARD)]
        lines.append(" & ".join(map(_escaped, [row.title, *scores, _paired_text(row.above, " $\\pm$ ")])) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", *(f"% {note}" for note in _notes(comparison))]
    return "\n".join(lines)


STYLES: dict[str, Callable[[Comparison], str]] = {"text": text_table, "csv": csv_table, "latex": latex_table}


def table_rows(comparison: Comparison) -> list[Row]:
    """The rows of the table: each line, after its networks before training if no earlier line has the same."""
    rows: list[Row] = []
    first: dict[str, Line] = {}
    before = _start_rows(comparison)
    for line in comparison.lines:
        rows += before.get(line.name, [])
        base = first.setdefault(line.dataset, line)
        shared = [] if base is line else [seed for seed in line.scores if seed in base.scores]
        above = [line.scores[seed][PAIRED] - base.scores[seed][PAIRED] for seed in shared]
        rows.append(Row(line.name, line.dataset, line.scores, above=above, combined=line.combined))
    return rows


def _start_rows(comparison: Comparison) -> dict[str, list[Row]]:
    """By the line that they precede, the rows of networks before training, each network once.

    Scores are of one network if they are the same for the seeds that two lines share.
    """
    found: list[tuple[str, str, dict[int, Any], Line]] = []
    for line in comparison.lines:
        for name, scores in line.before.items():
            for dataset, other_name, others, _ in found:
                shared = scores.keys() & others.keys()
                same_row = (dataset, other_name) == (line.dataset, name)
                if same_row and shared and all(scores[seed] == others[seed] for seed in shared):
                    others.update(scores)
                    break
            else:
                found.append((line.dataset, name, dict(scores), line))
    rows: dict[str, list[Row]] = {}
    names = [entry[:2] for entry in found]
    for dataset, name, scores, line in found:
        unique = names.count((dataset, name)) == 1
        row = Row(f"{dataset} {name}" if unique else f"{line.name}, {name}", dataset, scores, trained=False)
        rows.setdefault(line.name, []).append(row)
    return rows


def _notes(comparison: Comparison) -> list[str]:
    notes = []
    for line in comparison.lines:
        for why in dict.fromkeys(line.without_projection.values()):
            seeds = [str(seed) for seed, reason in line.without_projection.items() if reason == why]
            notes.append(f"{line.name}, seed {', '.join(seeds)}: {why}")
    return [*notes, *(f"left out: {reason}" for reason in comparison.left_out)]


def _paired_text(above: Sequence[float], plus_minus: str = " ± ") -> str:
    if not above:
        return ""
    return f"{percent(summary(above), plus_minus, '+')}, for {_num_above(above)} of {len(above)} seeds"


def _num_above(above: Sequence[float]) -> int:
    return sum(value > 0 for value in above)


def _escaped(text: str) -> str:
    for character in "_%&#":
        text = text.replace(character, f"\\{character}")
    return text
