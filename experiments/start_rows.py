"""The rows of a table that show what a network scored before training. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping

StartScores = Mapping[str, Mapping[str, Mapping[str, float]]]  # By row, split and metric.


def start_rows(before_training: StartScores, split: str = "test") -> dict[str, Mapping[str, float]]:
    """By row, the scores before training on one split.

    Args:
      before_training: as in ``result.json``.
      split: ``test`` or ``validation``.
    """
    return {row: by_split[split] for row, by_split in before_training.items()}
