"""Runs grouped by their settings: which differ in nothing but the seed, their names, and how the groups differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evaluate.report.facts import SettingCell, SettingRow
from experiments.differing import differing_names, effective_settings
from experiments.presets import expected
from experiments.run_directory import RunDirectory
from experiments.settings import Settings


class SettingGroup(NamedTuple):
    """Runs whose settings and data differ in nothing but the seed.

    Attributes:
      name: the loss, and the settings that distinguish the group from the others.
      runs: at least one, of different seeds.
      settings: of each of them.
    """

    name: str
    runs: Sequence[RunDirectory]
    settings: Sequence[Settings]

    def run_name(self, place: int) -> str:
        """A run's name: the group's, with the seed where there are several."""
        return f"{self.name}, seed {self.settings[place].run.seed}" if len(self.runs) > 1 else self.name


def setting_groups(runs: Sequence[RunDirectory]) -> list[SettingGroup]:
    """Groups of runs, in the order of their first runs; a run with the settings and the seed of another is alone."""
    members: dict[tuple[str, str, int], dict[int, tuple[RunDirectory, Settings]]] = {}
    flats: dict[tuple[str, str, int], dict[str, Any]] = {}
    for run in runs:
        settings = run.load_settings()
        flat = effective_settings(settings)
        seed, copy = flat.pop("seed"), 0
        setting = repr(sorted(flat.items())), run.data_digest
        while seed in members.get((*setting, copy), {}):
            copy += 1
        flats[(*setting, copy)] = flat
        members.setdefault((*setting, copy), {})[seed] = (run, settings)
    names = [_name(flat, list(flats.values())) for flat in flats.values()]
    groups = []
    for name, group in zip(names, members.values()):
        of_group, settings = zip(*group.values())
        unique = name if names.count(name) == 1 else f"{name}, {of_group[0].path}"
        groups.append(SettingGroup(unique, of_group, settings))
    return groups


def setting_rows(groups: Sequence[SettingGroup]) -> dict[str, list[SettingRow]]:
    """By section, all settings that matter to one of the groups, with their defaults and differences."""
    first = [group.settings[0] for group in groups]
    in_effect, usual = [own.in_effect() for own in first], [expected(own) for own in first]
    rows: dict[str, list[SettingRow]] = {}
    for section in in_effect[0]:
        names = dict.fromkeys(name for sections in in_effect for name in sections[section])
        for name in names:
            values = [sections[section].get(name) for sections in in_effect]
            cells = [_cell(value, defaults.get(name)) for value, defaults in zip(values, usual)]
            if name == "seed":
                values = [", ".join(str(own.run.seed) for own in group.settings) for group in groups]
                cells = [SettingCell(seeds, None) for seeds in values]
            differs = len({repr(value) for value in values if value is not None}) > 1
            rows.setdefault(section, []).append(SettingRow(name, differs, cells))
    return rows


def _name(flat: dict[str, Any], flats: Sequence[dict[str, Any]]) -> str:
    differing = differing_names(flat, flats)
    if any(other["dataset"] != flat["dataset"] for other in flats):
        differing.insert(0, "dataset")
    return ", ".join([flat["loss"], *(f"{name} {_text(flat[name])}" for name in differing)])


def _cell(value: Any, default: Any) -> SettingCell | None:
    if value is None:
        return None
    return SettingCell(_text(value), None if value == default or default is None else _text(default))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if value != "" else "–"
