"""The flags of the settings, and the settings that a command line asks for. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import Any

from absl.flags import FlagValues

from ccp.errors import ConfigError
from ccp.methods.registry import base_name
from ccp.settings import Setting, settings_of
from datasets.files import read_json
from experiments.commands.command_flags import Flag
from experiments.original_names import renamed
from experiments.presets import all_presets, preset, preset_settings
from experiments.sections import all_hyperparameters
from experiments.settings import Settings, all_settings, configure, refuse_without_effect
from models.backbones.safe_file import file_digest
from models.registry import HUB, is_file

_ESSENTIAL = "The flags that matter most"
_IN_EVERY_FOLDER = ("none", "imagenet")  # Values of --weights that are no paths.


def training_flags() -> list[Flag]:
    """The essential settings first, then all others by section; hyperparameters are among the loss's."""
    listed = [setting_flag(name, group=_ESSENTIAL) for name, entry in all_settings().items() if entry.essential]
    run_dir = "directory of the run (default: runs/ and a name made of the settings)"
    listed.append(Flag("run_dir", run_dir, group=_ESSENTIAL))
    listed.append(
        Flag("config", "settings.json of a run, for its settings but for those given here", group="Repetition")
    )
    for section in dataclasses.fields(Settings):
        about = (type(section.default).__doc__ or "").partition("\n")[0].rstrip(".")
        group = section.name.capitalize()
        if about.lower() != f"the {section.name}":
            group = f"{group}: {about[:1].lower()}{about[1:]}"
        described = settings_of(section.default)
        listed += [setting_flag(name, group=group) for name, entry in described.items() if not entry.essential]
        if section.name == "loss":
            for name, by_owner in all_hyperparameters().items():
                kind = next(iter(by_owner.values())).kind
                about = _hyperparameter_help(name, by_owner)
                listed.append(Flag(name, about, kind=kind, group=group, numbered=True))
    return listed


def setting_flag(name: str, *, required: bool = False, group: str = "Flags") -> Flag:
    """The flag of a setting. Its default stays with the setting: a flag that is not given is None."""
    entry = all_settings()[name]
    choices = f"; one of {', '.join(entry.choices)}" if entry.choices else ""
    note = "" if required else _defaults(entry.default, _preset_values(name))
    return Flag(name, f"{entry.help}{choices}{note}", kind=entry.kind, required=required, group=group)


def given_settings(values: FlagValues, names: Iterable[str] | None = None) -> dict[str, Any]:
    """The settings that were given on the command line, with paths made absolute, as runs are read from anywhere.

    Args:
      values: the parsed flags.
      names: of the settings; None for all, and all hyperparameters, those of a term of a sum too.
    """
    if names is None:
        names = [*all_settings(), *(name for name in values if base_name(name) in all_hyperparameters())]
    given = renamed({name: values[name].value for name in names if values[name].present})
    for name in ("data_dir", "manifest", "superclasses", "weights"):
        if given.get(name) and not (name == "weights" and given[name] in _IN_EVERY_FOLDER):
            given[name] = os.path.abspath(given[name])
    backbone = given.get("backbone", "")
    if is_file(backbone):
        given["backbone"] = os.path.abspath(backbone)
        given.setdefault("backbone_digest", file_digest(given["backbone"]))
    elif backbone.startswith(HUB) and os.path.isdir(backbone[len(HUB) :]):
        given["backbone"] = HUB + os.path.abspath(backbone[len(HUB) :])
    return given


def chosen_settings(values: FlagValues) -> Settings:
    """The preset that goes with what was given, or the settings of ``--config``, and over it what was given.

    Raises:
      ConfigError: a value cannot be, or has no effect with the others.
    """
    given = given_settings(values)
    settings = _repeated(values.config, given) if values.config else preset_settings(**given)
    refuse_without_effect(given, settings)
    return settings


def _repeated(path: str, given: dict[str, Any]) -> Settings:
    """The settings that a file holds, and over them those that were given."""
    if not os.path.isfile(path):
        raise ConfigError(f"There is no file {path} to repeat; pass --config=RUN/settings.json.")
    recorded = read_json(path)
    try:
        repeated = configure(recorded)
    except (ConfigError, TypeError, AttributeError) as error:
        raise ConfigError(f"--config={path} is no settings.json that this version writes: {error}") from error
    flat = repeated.flat()
    for name in ("dataset", "loss"):
        if given.get(name, flat[name]) != flat[name]:
            raise ConfigError(
                f"--config={path} repeats a run with --{name}={flat[name]}, and other settings follow from that. Leave "
                f"out --{name}={given[name]}, or leave out --config."
            )
    return configure(flat, given)


def default_run_dir(settings: Settings, last: str) -> str:
    """Where a run is kept unless ``--run_dir`` is given."""
    return os.path.join("runs", f"{settings.data.dataset}-{_file_name(settings.loss.loss)}-{last}")


def _file_name(loss: str) -> str:
    """A loss as part of a directory's name: ``0.5*ccp/triplet`` as ``0.5xccp-triplet``."""
    return loss.replace("/", "-").replace("*", "x")


def _hyperparameter_help(name: str, by_owner: dict[str, Setting]) -> str:
    """What a hyperparameter is, one line for each meaning that it has, with the losses that take it."""
    lines: dict[str, list[str]] = {}
    for owner, entry in by_owner.items():
        values = list(_preset_values(name, owner.replace("…", "contrastive")))
        lines.setdefault(f"{entry.help}{_defaults(entry.default, values)}", []).append(owner)
    return "\n".join(f"{', '.join(owners)}: {about}" for about, owners in lines.items())


def _preset_values(name: str, loss: str | None = None) -> Iterator[Any]:
    for chosen in all_presets(loss):
        values = preset(chosen)
        if name in values:
            yield values[name]


def _defaults(default: Any, preset_values: Iterable[Any]) -> str:
    """The default, and the values that presets have instead, in parentheses."""
    others = sorted(value for value in dict.fromkeys(preset_values) if value != default)
    notes = [f"default: {_shown(default)}"] if default != "" else []
    notes += [f"presets: {', '.join(map(_shown, others))}"] if others else []
    return f" ({'; '.join(notes)})" if notes else ""


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
