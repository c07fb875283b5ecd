"""Command-line flags, made from the settings in ``ccp.config``. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from absl import flags

from ccp.config import DATASETS, DATASETS_IN_FILES, DATASETS_IN_FOLDERS, LOSS_SETTINGS, Config, DataConfig
from ccp.errors import ConfigError
from ccp.loss_names import parse_loss
from ccp.loss_settings import PAIR_LOSS_SETTINGS
from ccp.original_names import renamed
from ccp.presets import preset

# The settings that say which images there are, without those of training on them.
DATA_FLAGS = ("dataset", "data_dir", "manifest", "test_fraction", "allow_subset")


def define_data_settings(values: flags.FlagValues) -> None:
    """Defines the flags that say which images there are."""
    for field in dataclasses.fields(DataConfig):
        if field.name in DATA_FLAGS:
            _define(values, field.name, type(field.default), _help(field))


def given_data_settings(values: flags.FlagValues) -> dict[str, Any]:
    """Those of them that were given on the command line.

    Raises:
      ConfigError: one was given that does not matter to the chosen data set.
    """
    given = renamed({name: values[name].value for name in DATA_FLAGS if values[name].present})
    if given.get("dataset") in DATASETS:  # Otherwise the name is what is wrong.
        refuse_without_effect(given)
    return given


def define_settings(values: flags.FlagValues) -> None:
    """Defines one flag per setting. Their defaults stay with the settings: a flag that is not given is None."""
    for section in dataclasses.fields(Config):
        for field in dataclasses.fields(section.default):
            if field.metadata:
                _define(values, field.name, type(field.default), _help(field))
    for name, losses in LOSS_SETTINGS.items():
        defaults = ", ".join(f"{getattr(PAIR_LOSS_SETTINGS[loss], name)} for {loss}" for loss in losses)
        _define(values, name, float, f"number of the pair loss (default: {defaults})")


def given_settings(values: flags.FlagValues) -> dict[str, Any]:
    """The settings that were given on the command line.

    Raises:
      ConfigError: one was given that does not matter to the chosen training method.
    """
    fields = {f.name: f for section in dataclasses.fields(Config) for f in dataclasses.fields(section.default)}
    names = [name for name, field in fields.items() if field.metadata] + list(LOSS_SETTINGS)
    given = renamed({name: values[name].value for name in names if values[name].present})
    loss = given.get("loss", fields["loss"].default)
    method = parse_loss(loss)[0]
    for name in given:
        methods = fields[name].metadata["methods"] if name in fields else (method,)
        if method not in methods:
            raise ConfigError(
                f"--{name} has no effect with --loss={loss}: it belongs to {', '.join(m + '/…' for m in methods)}. "
                "Leave it out or change --loss."
            )
    if given.get("dataset", DATASETS[0]) in DATASETS:  # Otherwise the name is what is wrong.
        refuse_without_effect(given)
    return given


# Settings that only matter with certain choices of another one.
_MATTERS_WITH = (
    ("data_dir", "dataset", (*DATASETS_IN_FOLDERS, "csv")),
    ("manifest", "dataset", ("csv",)),
    ("test_fraction", "dataset", ("folder", "csv")),
    ("allow_subset", "dataset", DATASETS_IN_FILES),
    ("crop_to_box", "dataset", ("cub", "cars196", "inshop", "csv")),
    ("on_bad_image", "dataset", DATASETS_IN_FILES),
    ("cache", "dataset", DATASETS_IN_FILES),
    ("projection_period", "projection", ("period",)),
    ("patience", "projection", ("plateau",)),
    ("width", "backbone", ("conv4",)),
    ("plateau_epochs", "learning_rate_schedule", ("plateau",)),
    ("plateau_factor", "learning_rate_schedule", ("plateau",)),
    ("min_learning_rate", "learning_rate_schedule", ("plateau",)),
)


def refuse_without_effect(given: Mapping[str, Any]) -> None:
    """Refuses settings that belong to a choice that was not made.

    Raises:
      ConfigError: one was given.
    """
    usual = preset(given)
    for name, choice, needed in _MATTERS_WITH:
        default = next(
            getattr(section.default, choice)
            for section in dataclasses.fields(Config)
            if hasattr(section.default, choice)
        )
        if name in given and given.get(choice, usual.get(choice, default)) not in needed:
            raise ConfigError(
                f"--{name} only matters with --{choice}={' or '.join(needed)}. Pass that too, or leave --{name} out."
            )


def _define(values: flags.FlagValues, name: str, kind: type, about: str) -> None:
    define = {bool: flags.DEFINE_bool, int: flags.DEFINE_integer, float: flags.DEFINE_float, str: flags.DEFINE_string}
    define[kind](name, None, about, flag_values=values)


def _help(field: dataclasses.Field) -> str:
    choices = field.metadata["choices"]
    listed = f"; one of {', '.join(choices)}" if choices else ""
    shown = repr(field.default) if isinstance(field.default, str) else field.default
    by_value: dict[str, list[str]] = {}
    for dataset in DATASETS:
        own = preset({"dataset": dataset})
        if field.name in own and own[field.name] != field.default:
            by_value.setdefault(repr(own[field.name]), []).append(dataset)
    presets = [f"{value} for {', '.join(names)}" for value, names in by_value.items()]
    return f"{field.metadata['help']}{listed} (default: {'; '.join([str(shown), *presets])})"
