"""The tables of the peers, from the results alone: ``python -m benchmarks.peers.table``. Free of TensorFlow."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.peers.losses import LOSSES, RESULTS
from datasets.files import read_json

_NAMES = {"contrastive": "C2", "triplet": "triplet", "multi_similarity": "MS", "proxy_anchor": "ProxyAnchor"}
_SIDES = {"ccp": "here", "pml": "PyTorch Metric Learning"}
_SCORES = {"precision_at_1": "P@1", "r_precision": "P@R", "map_at_r": "MAP@R"}


def score_table(results: Sequence[dict[str, Any]]) -> str:
    """Mean ± deviation over seeds of each loss and side, and the paired difference in MAP@R."""
    rows = [["", "", "seeds", *_SCORES.values(), "MAP@R, here − there"]]
    for loss in LOSSES:
        of_loss = [result for result in results if result["loss"] == loss]
        for side, title in _SIDES.items() if of_loss else ():
            values = 100 * np.array([[result["scores"][side][name] for name in _SCORES] for result in of_loss])
            differences = [
                result["scores"]["ccp"]["map_at_r"] - result["scores"]["pml"]["map_at_r"] for result in of_loss
            ]
            last = _spread(100 * np.array(differences)) if side == "ccp" else ""
            rows.append([_NAMES[loss], title, str(len(of_loss)), *map(_spread, values.T), last])
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
    rows = [["", *(f"{title}, images/s" for title in _SIDES.values()), "ratio", "quartiles"]]
    for loss, by_side in rates.items():
        low, median, high = np.percentile(np.divide(by_side["ccp"], by_side["pml"]), [25, 50, 75])
        medians = [f"{np.median(by_side[side]):.0f}" for side in _SIDES]
        rows.append([_NAMES[loss], *medians, f"{median:.2f}", f"{low:.2f} to {high:.2f}"])
    return _markdown(rows)


def _score_differences(result: dict[str, Any]) -> Iterator[float]:
    for side, scores in result["scores_by_pml"].items():
        for name, value in scores.items():
            yield value - result["scores"][side][name]


def _spread(values: np.ndarray) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


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
