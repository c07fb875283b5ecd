"""Command-line flags, made from the settings. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from absl import flags

from ccp.errors import ConfigError
from ccp.methods.registry import hyperparameters_of, parse_loss
from ccp.settings import Setting
from datasets.registry import DATA_SETS
from experiments.original_names import renamed
from experiments.presets import preset
from experiments.settings import all_hyperparameters, all_settings

# The settings that say which images there are, without those of training on them.
DATA_FLAGS = ("dataset", "data_dir", "manifest", "test_fraction", "allow_subset")


def define_settings(values: flags.FlagValues, names: Iterable[str] | None = None) -> None:
    """Defines one flag per setting. Their defaults stay with the settings: a flag that is not given is None.

    Args:
      values: where to define them.
      names: of the settings; None for all, and all hyperparameters.
    """
    described = all_settings()
    for name in described if names is None else names:
        _define(values, name, described[name].kind, _help(name, described[name]))
    if names is not None:
        return
    for name, by_owner in all_hyperparameters().items():
        kind = type(next(iter(by_owner.values())).default)
        listed = "; ".join(f"{owner}: {entry.help} (default: {entry.default})" for owner, entry in by_owner.items())
        _define(values, name, kind, listed)


def given_settings(values: flags.FlagValues, names: Iterable[str] | None = None) -> dict[str, Any]:
    """The settings that were given on the command line.

    Args:
      values: the parsed flags.
      names: of the settings; None for all, and all hyperparameters.

    Raises:
      ConfigError: one was given that has no effect with what else was chosen.
    """
    names = [*all_settings(), *all_hyperparameters()] if names is None else names
    given = renamed({name: values[name].value for name in names if values[name].present})
    if given.get("dataset", "digits") in DATA_SETS:  # Otherwise the name is what is wrong.
        refuse_without_effect(given)
    return given


def refuse_without_effect(given: Mapping[str, Any]) -> None:
    """Refuses settings that belong to a choice that was not made.

    Raises:
      ConfigError: one was given.
    """
    described = all_settings()
    usual = {name: entry.default for name, entry in described.items()} | preset(given) | dict(given)
    loss = usual["loss"]
    usual["method"] = parse_loss(loss)[0]
    for name in given:
        if name in all_hyperparameters():
            if name not in hyperparameters_of(loss):
                owners = ", ".join(all_hyperparameters()[name])
                raise ConfigError(
                    f"--{name} has no effect with --loss={loss}: it belongs to {owners}. Leave it out or change --loss."
                )
            continue
        for choice, meant in described[name].only_with.items():
            if choice == "method" and usual[choice] not in meant:
                methods = ", ".join(f"{method}/…" for method in meant)
                raise ConfigError(
                    f"--{name} has no effect with --loss={loss}: it belongs to {methods}. Leave it out or change "
                    "--loss."
                )
            if usual[choice] not in meant:
                raise ConfigError(
                    f"--{name} only matters with --{choice}={' or '.join(meant)}. Pass that too, or leave --{name} out."
                )


def _define(values: flags.FlagValues, name: str, kind: type, about: str) -> None:
    define = {bool: flags.DEFINE_bool, int: flags.DEFINE_integer, float: flags.DEFINE_float, str: flags.DEFINE_string}
    define[kind](name, None, about, flag_values=values)


def _help(name: str, described: Setting) -> str:
    listed = f"; one of {', '.join(described.choices)}" if described.choices else ""
    shown = repr(described.default) if described.kind is str else described.default
    by_value: dict[str, list[str]] = {}
    for dataset in DATA_SETS:
        own = preset({"dataset": dataset})
        if name in own and own[name] != described.default:
            by_value.setdefault(repr(own[name]), []).append(dataset)
    presets = [f"{value} for {', '.join(names)}" for value, names in by_value.items()]
    return f"{described.help}{listed} (default: {'; '.join([str(shown), *presets])})"
