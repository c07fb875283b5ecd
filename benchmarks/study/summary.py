"""Tables and curves of a stage from the results that are kept: ``python -m benchmarks.study.summary STAGE``.

Scores are of unseen classes, in percent, mean ± deviation over seeds. "MAP@R − base" is the difference between a row
and its base, the mean over the seeds that both have, with Student's 95% interval. "Same time" is the difference in
validation MAP@R between the best epoch of a row within the processor time that its base took, and the best epoch of
the base.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.study.curves import draw_validation
from benchmarks.study.run import RESULTS, result_file
from benchmarks.study.runs import DATA_SETS, RUNS, STAGES
from datasets.files import read_json
from evaluate.figures.style import save
from evaluate.metrics.registry import STANDARD, title
from evaluate.metrics.statistics import summary
from evaluate.metrics.table import percent

_MAIN = "map_at_r"

# By row, the results by seed.
Rows = Mapping[str, Mapping[int, Mapping[str, Any]]]


def read_results(results: pathlib.Path, stage: str) -> dict[str, Rows]:
    """What is kept of a stage, by data set, in the order of the list of runs."""
    found: dict[str, dict[str, dict[int, Any]]] = {}
    for run in RUNS:
        path = result_file(results, run)
        if run.stage == stage and path.exists():
            found.setdefault(run.dataset, {}).setdefault(run.row, {})[run.seed] = read_json(path)
    return found


def table(rows: Rows) -> str:
    """The rows of a data set as a table in Markdown."""
    titles = ["", "seeds", *map(title, STANDARD), "MAP@R − base", "same time", "projections", "processor minutes"]
    lines = [titles, ["---"] * len(titles)]
    starts = {start: None for seeds in rows.values() for run in seeds.values() for start in run["before_training"]}
    lines += [_start_line(start, rows) for start in starts]
    lines += [_line(row, seeds, rows.get(next(iter(seeds.values()))["base"], {})) for row, seeds in rows.items()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _start_line(start: str, rows: Rows) -> list[str]:
    """What the networks score before training: one for each seed, whatever is then trained."""
    found = {
        seed: run["before_training"][start]["test"]
        for seeds in rows.values()
        for seed, run in seeds.items()
        if start in run["before_training"]
    }
    scores = [percent(summary([run[score] for run in found.values()])) for score in STANDARD]
    return [start, str(len(found)), *scores, "", "", "", ""]


def _line(row: str, seeds: Mapping[int, Any], base: Mapping[int, Any]) -> list[str]:
    runs = list(seeds.values())
    scores = [percent(summary([run["test"][score] for run in runs])) for score in STANDARD]
    is_base = runs[0]["base"] == row
    common = [] if is_base else [seed for seed in seeds if seed in base]
    equal_epochs = [seeds[seed]["test"][_MAIN] - base[seed]["test"][_MAIN] for seed in common]
    timed = [seed for seed in common if seeds[seed]["seconds"] and base[seed]["seconds"]]
    equal_time = [difference_at_equal_time(seeds[seed], base[seed]) for seed in timed]
    minutes = [run["seconds"]["processor"] / 60 for run in runs if run["seconds"]]
    return [
        row,
        str(len(runs)),
        *scores,
        _with_interval(equal_epochs),
        _with_interval(equal_time),
        f"{np.mean([run['projections'] for run in runs]):.3g}",
        f"{np.mean(minutes):.1f}" if minutes else "",
    ]


def difference_at_equal_time(run: Mapping[str, Any], base: Mapping[str, Any]) -> float:
    """Best validation MAP@R of a run within its base's processor time, less the base's; epochs take equally long."""
    share = base["seconds"]["processor"] / run["seconds"]["processor"]
    epochs = max(1, int(share * len(run["validation"][_MAIN])))
    return max(run["validation"][_MAIN][:epochs]) - max(base["validation"][_MAIN])


def _with_interval(values: Sequence[float]) -> str:
    if not values:
        return ""
    described = summary(values)
    interval = described["interval_95"]
    text = f"{100 * described['mean']:+.2f}"
    return text if interval is None else f"{text} [{100 * interval[0]:+.2f}, {100 * interval[1]:+.2f}]"


def validation_curves(rows: Rows, chosen: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Of each chosen row that has results, [seeds, epochs] validation MAP@R in percent."""
    for row in chosen:
        runs = [run["validation"][_MAIN] for run in rows.get(row, {}).values()]
        if runs:
            epochs = min(map(len, runs))
            yield row, 100 * np.array([values[:epochs] for values in runs])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.study.summary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--results_dir", type=pathlib.Path, default=RESULTS, help="has the results")
    parser.add_argument("--curves", type=pathlib.Path, metavar="FILE", help="draw validation curves as a PNG file")
    parser.add_argument("--rows", default="c2,c2-ccp,c2-ccp-plateau,ms,ms-ccp", help="what the curves show")
    given = parser.parse_args()
    found = read_results(given.results_dir, given.stage)
    for dataset in sorted(found, key=list(DATA_SETS).index):
        print(f"\n{dataset}\n\n{table(found[dataset])}")
    if given.curves and found:
        curves = {dataset: dict(validation_curves(rows, given.rows.split(","))) for dataset, rows in found.items()}
        print(f"\n{save(draw_validation(curves), given.curves)}")


if __name__ == "__main__":
    main()
