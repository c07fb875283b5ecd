"""main.py presets."""

from __future__ import annotations

import textwrap
from typing import Any

from absl.flags import FlagValues

from experiments.commands.command_line import Command
from experiments.commands.setting_flags import given_settings, setting_flag
from experiments.presets import all_presets, preset, preset_name, preset_settings
from experiments.settings import Settings, configure

_CHOICES = ("dataset", "loss", "labels", "backbone", "conventional")


def presets(values: FlagValues) -> int:
    """Shows the settings of one preset, or a list of all."""
    given = given_settings(values, _CHOICES)
    if given:
        print(_one(given))
    else:
        print("\n\n".join(map(_departures, all_presets())))
    return 0


def _departures(chosen: dict) -> str:
    """A preset's name, and its departures from the defaults."""
    settings, values = preset_settings(**chosen), preset(chosen)
    defaults = configure({"loss": settings.loss.loss}).flat()
    changed = " ".join(f"{name}={_shown(value)}" for name, value in values.items() if value != defaults[name])
    return "\n".join([_title(settings), *textwrap.wrap(changed, 96, initial_indent="  ", subsequent_indent="  ")])


def _one(given: dict) -> str:
    """Every setting of a preset; those that depart from the defaults are marked."""
    settings = preset_settings(**given)
    defaults = configure({"loss": settings.loss.loss}).flat()
    lines = [f"{_title(settings)}, --loss={settings.loss.loss}  (* differs from the default)"]
    for section, values in settings.in_effect().items():
        lines += ["", section] if values else []
        for name, value in values.items():
            mark, default = ("*", f"  (default: {_shown(defaults[name])})") if value != defaults[name] else (" ", "")
            lines.append(f"{mark} {name:<24}{_shown(value)}{default}")
    return "\n".join(lines)


def _title(settings: Settings) -> str:
    return f"--dataset={settings.data.dataset}: {preset_name(settings)}"


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value) or "none"


COMMAND = Command(
    "show the settings that go with a data set, a loss and a backbone",
    presets,
    lambda: [setting_flag(name) for name in _CHOICES],
)
