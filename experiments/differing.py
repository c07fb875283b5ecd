"""The settings in which runs differ, for their names. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccp.methods.registry import base_name
from experiments.sections import all_hyperparameters
from experiments.settings import Settings


def effective_settings(settings: Settings) -> dict[str, Any]:
    """All settings that matter to a run's results, by name."""
    return {name: value for section in settings.in_effect().values() for name, value in section.items()}


def differing_names(flat: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings that distinguish a run from others on the same data set, but for the loss.

    Hyperparameters are compared among runs with the same loss; a setting that another run does not have is no
    difference, as the loss's name says it already. Selection on the test set is always named.

    Args:
      flat: the run's ``effective_settings``.
      others: those of the other runs.
    """
    same_data = [other for other in others if other["dataset"] == flat["dataset"]]
    names = []
    for name, value in flat.items():
        peers = same_data
        if base_name(name) in all_hyperparameters():
            peers = [other for other in same_data if other["loss"] == flat["loss"]]
        differs = name != "loss" and any(other[name] != value for other in peers if name in other)
        if differs or (name == "select_on_test" and value):
            names.append(name)
    return names
