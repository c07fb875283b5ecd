"""The tables of the peers, from the results alone: ``python -m benchmarks.peers.table``. Free of TensorFlow."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.peers.losses import LOSSES, RESULTS
from datasets.files import read_json
from evaluate.metrics.registry import STANDARD, title
from evaluate.metrics.statistics import summary
from evaluate.metrics.table import percent

_NAMES = {"contrastive": "C2", "triplet": "triplet", "multi_similarity": "MS", "proxy_anchor": "ProxyAnchor"}
_SIDES = {"ccp": "here", "pml": "PyTorch Metric Learning"}


def score_table(results: Sequence[dict[str, Any]]) -> str:
    """Mean ± deviation over seeds of each loss and side, and the paired difference in MAP@R."""
    rows = [["", "", "seeds", *map(title, STANDARD), "MAP@R, here − there"]]
    for loss in LOSSES:
        scores = [result["scores"] for result in results if result["loss"] == loss]
        for side, name in _SIDES.items() if scores else ():
            cells = [percent(summary([by_side[side][score] for by_side in scores])) for score in STANDARD]
            differences = [by_side["ccp"]["map_at_r"] - by_side["pml"]["map_at_r"] for by_side in scores]
            last = percent(summary(differences)) if side == "ccp" else ""
            rows.append([_NAMES[loss], name, str(len(scores)), *cells, last])
    return _markdown(rows)


def agreement(results: Sequence[dict[str, Any]]) -> str:
    """How far losses and scores of the two libraries are from each other, at most."""
    lines = []
    for loss in LOSSES:
        first = [result["first_losses"] for result in results if result["loss"] == loss]
        if first:
            here, there = (np.array([losses[side] for losses in first]) for side in _SIDES)
            apart = (np.abs(here - there) / np.abs(there)).max(axis=0)
            lines.append(f"{_NAMES[loss]}: loss at step 1 within {apart[0]:.0e}, at step {len(apart)} {apart[-1]:.0e}")
    by_either = [abs(difference) for result in results for difference in _score_differences(result)]
    return "\n".join([*lines, f"scores of the same embeddings by either library: within {max(by_either):.0e}"])


def speed_table(rates: dict[str, dict[str, list[float]]]) -> str:
    """Medians of images per second, and the quartiles of the rounds' ratios."""
    rows = [["", *(f"{name}, images/s" for name in _SIDES.values()), "ratio", "quartiles"]]
    for loss, by_side in rates.items():
        low, median, high = np.percentile(np.divide(by_side["ccp"], by_side["pml"]), [25, 50, 75])
        medians = [f"{np.median(by_side[side]):.0f}" for side in _SIDES]
        rows.append([_NAMES[loss], *medians, f"{median:.2f}", f"{low:.2f} to {high:.2f}"])
    return _markdown(rows)


def _score_differences(result: dict[str, Any]) -> Iterator[float]:
    for side, scores in result["scores_by_pml"].items():
        for name, value in scores.items():
            yield value - result["scores"][side][name]


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *others])


def main(directory: pathlib.Path = RESULTS) -> None:
    results = [read_json(path) for path in sorted(directory.glob("*-seed*.json"))]
    print(f"{score_table(results)}\n\n{agreement(results)}")
    if (directory / "speed.json").exists():
        print(f"\n{speed_table(read_json(directory / 'speed.json'))}")


if __name__ == "__main__":
    main()
