"""The tables of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluate.geometry import geometry
from evaluate.metrics.registry import title
from evaluate.metrics.statistics import summary
from experiments.presets import expected
from experiments.report.facts import RunFacts
from experiments.report.markup import Markup, join, table, tag
from experiments.report.settings import groups, shown, telling_names

_CENTERS = 8
Scores = Mapping[str, tuple[float, Sequence[float]]]


def score_rows(runs: Sequence[RunFacts]) -> tuple[dict[str, Scores], dict[str, Scores]]:
    """Scores with their intervals: of settings that several seeds were run with on the same data, and of each run.

    Runs without weights are left out.

    Returns:
      By name, by metric, the mean over seeds with Student's interval, cut at 0 and 1; and, by name, by metric, a run's
      score with the bootstrap interval.
    """
    judged = [run for run in runs if run.judged]
    single = {
        run.name: {metric: (score, run.judged.intervals[metric]) for metric, score in run.judged.scores.items()}
        for run in judged
    }
    found = groups([run.config for run in judged], [run.data_digest for run in judged])
    alike = [group for group in found if len(group) > 1]
    names = telling_names([judged[group[0]].config for group in alike], [judged[group[0]].path for group in alike])
    several = {}
    for name, group in zip(names, alike):
        scores = {}
        for metric in judged[group[0]].judged.scores:
            described = summary([judged[index].judged.scores[metric] for index in group])
            scores[metric] = (described["mean"], [min(max(end, 0.0), 1.0) for end in described["interval_95"]])
        several[f"{name} ({len(group)} seeds)"] = scores
    return several, single


def score_table(rows: Mapping[str, Scores], caption: str) -> Markup:
    """Scores in percent, each with its interval below it."""
    metrics = list(next(iter(rows.values())))
    body = [[name, *(_score_cell(*scores[metric]) for metric in metrics)] for name, scores in rows.items()]
    return table(["%", *(title(metric) for metric in metrics)], body, caption)


def training_table(runs: Sequence[RunFacts]) -> Markup:
    """How each training went."""
    body = []
    for run in runs:
        monitor, best = run.config.loop.monitor, _best_epoch(run)
        body.append(
            [
                run.name,
                "yes" if run.finished else "no",
                run.records[-1]["epoch"] if run.records else 0,
                best["epoch"] if best else "–",
                f"{100 * best[monitor]:.2f} ({title(monitor)})" if best else "–",
                run.records[-1]["projections"] if run.records else 0,
                run.path,
            ]
        )
    head = ["run", "finished", "epochs", "best epoch", "best validation, %", "projections", "directory"]
    return table(head, body, "How training went")


def _best_epoch(run: RunFacts) -> Mapping[str, Any] | None:
    """The epoch whose weights are kept: by the trainer's rule the last one that was better by enough."""
    loop, best = run.config.loop, None
    for record in run.records:
        if best is None or record[loop.monitor] > best[loop.monitor] + loop.min_improvement:
            best = record
    return best


def measure(run: RunFacts) -> dict[str, dict[str, Any]]:
    """The geometry of a run's best weights, by set of examples."""
    judged = run.judged
    return {
        "unseen classes": geometry(judged.unseen.embeddings, judged.unseen.labels, None, _CENTERS),
        "training classes": geometry(judged.training.embeddings, judged.training.labels, judged.proxies, _CENTERS),
    }


def geometry_table(measured: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Markup:
    """The geometry of all runs; ``measured`` by run, by set of examples."""
    head = [
        *("", "images / classes", "radius by proxies", "by 1 centre", f"by {_CENTERS} centres"),
        *("between class means: mean", "smallest", "pairs of one class, mean", "of two, mean"),
    ]
    body = [
        [
            f"{name}, {part}",
            f"{numbers['examples']:,} / {numbers['classes']:,}",
            _number(numbers["radius_by_proxies"]),
            _number(numbers["radius_by_centers"][0]),
            _number(numbers["radius_by_centers"][-1]),
            *(_number(numbers[f"class_distance_{which}"]) for which in ("mean", "min")),
            *(_number(numbers[f"{which}_distance"]) for which in ("positive", "negative")),
        ]
        for name, parts in measured.items()
        for part, numbers in parts.items()
    ]
    return table(head, body, "Euclidean distances in the embedding, by the best weights")


def settings_table(runs: Sequence[RunFacts]) -> Markup:
    """All settings that matter, section by section; other values than the defaults and differences are marked."""
    of_run = [run.config.in_effect() for run in runs]
    usual = [expected(run.config) for run in runs]
    body: list[list[object]] = []
    for section in of_run[0]:
        body.append([section])
        names = dict.fromkeys(name for settings in of_run for name in settings[section])
        for name in names:
            values = [settings[section].get(name) for settings in of_run]
            mark = tag("span", " ≠", class_="differs", title="differs between the runs")
            differ = len({repr(value) for value in values if value is not None}) > 1
            usually = [default.get(name) for default in usual]
            cells = [_setting_cell(value, default) for value, default in zip(values, usually)]
            body.append([join([name, mark if differ else None]), *cells])
    about = "● another value than the default for this data set and loss."
    if len(runs) > 1:
        about += " ≠ differs between the runs; – does not apply."
    return table(["setting", *(run.name for run in runs)], body, about)


def _score_cell(score: float, interval: Sequence[float]) -> Markup:
    low, high = (100 * end for end in interval)
    return join([f"{100 * score:.2f}", tag("br"), tag("small", f"{low:.2f} – {high:.2f}")])


def _setting_cell(value: Any, default: Any) -> object:
    if value is None:
        return "–"
    if value == default:
        return shown(value)
    usual = f" ● default {shown(default)}" if default is not None else None
    return join([tag("strong", shown(value)), tag("small", usual) if usual else None])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
