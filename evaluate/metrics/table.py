"""Scores as a table of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

from evaluate.metrics.registry import STANDARD, title
from evaluate.metrics.statistics import summary

# A score, or the ``summary`` of several.
Score = Union[float, Mapping[str, Any]]
_NARROWEST = 8


def score_table(
    rows: Mapping[str, Mapping[str, Score] | Sequence[Mapping[str, float]]],
    extra: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Scores in percent, one line per row.

    Args:
      rows: by name, scores by metric; or a sequence of these, one per repeat, of which the mean ± the sample standard
        deviation is shown. A score that is a ``summary`` is shown with its 95% interval. A missing score is a dash.
      extra: by title, further columns: texts by row name.
    """
    extra = extra or {}
    lines = [["", *(title(metric) for metric in STANDARD), *extra]]
    for name, scores in rows.items():
        cells = [score_text(scores, metric) for metric in STANDARD]
        lines.append([name, *cells, *(column.get(name, "") for column in extra.values())])
    width, *widths = (max(len(line[column]) for line in lines) for column in range(len(lines[0])))
    widths = [max(_NARROWEST, column) + 2 for column in widths]
    return "\n".join(
        (line[0].ljust(width) + "".join(cell.rjust(column) for cell, column in zip(line[1:], widths))).rstrip()
        for line in lines
    )


def percent(score: Score, plus_minus: str = " ± ", sign: str = "") -> str:
    """A score in percent with two decimals; of a ``summary`` the mean, and the deviation where there is one."""
    if not isinstance(score, Mapping):
        return f"{100 * score:{sign}.2f}"
    text = f"{100 * score['mean']:{sign}.2f}"
    return text if score["deviation"] is None else f"{text}{plus_minus}{100 * score['deviation']:.2f}"


def score_text(scores: Mapping[str, Score] | Sequence[Mapping[str, float]], metric: str) -> str:
    """One cell of ``score_table``."""
    if not isinstance(scores, Mapping):
        return percent(summary([repeat[metric] for repeat in scores]))
    if metric not in scores:
        return "–"
    score = scores[metric]
    interval = score.get("interval_95") if isinstance(score, Mapping) else None
    return percent(score) + (f" [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]" if interval else "")
