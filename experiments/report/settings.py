"""Settings of runs: which are alike, which differ, and from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.settings import Settings


def groups(configs: Sequence[Settings], data_digests: Sequence[str]) -> list[list[int]]:
    """Indices of the runs that are alike in all but the seed (and where their data lie), in order of appearance.

    Of runs with the same seed only the first is there: a copy of a run is no repeat.
    """
    found: dict[str, dict[int, int]] = {}
    for index, (config, digest) in enumerate(zip(configs, data_digests)):
        flat = {**_flat(config), "seed": None}
        found.setdefault(f"{digest} {sorted(flat.items())}", {}).setdefault(config.run.seed, index)
    return [list(by_seed.values()) for by_seed in found.values()]


def telling_names(configs: Sequence[Settings], paths: Sequence[str]) -> list[str]:
    """A short name for each run: its loss, and what else tells it from the others; its path where nothing does."""
    flats = [{**_flat(config), "dataset": config.data.dataset} for config in configs]
    keys = dict.fromkeys(key for flat in flats for key in flat if key != "loss")
    # What one loss has and the other has not, the name of the loss tells already.
    telling = [key for key in keys if len({repr(flat[key]) for flat in flats if key in flat}) > 1]
    telling.sort(key="seed".__eq__)  # The seed comes last.
    names = [
        ", ".join([flat["loss"], *(f"{key} {shown(flat[key])}" for key in telling if key in flat)]) for flat in flats
    ]
    return [name if names.count(name) == 1 else f"{name}, {path}" for name, path in zip(names, paths)]


def shown(value: Any) -> str:
    """A setting's value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if value != "" else "–"


def _flat(config: Settings) -> Mapping[str, Any]:
    return {name: value for section in config.in_effect().values() for name, value in section.items()}
