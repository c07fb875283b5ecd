"""What a run is: the packages' settings composed into one frozen, checked record. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ccp.errors import ConfigError
from ccp.methods.registry import base_name, hyperparameters_of, resolved
from ccp.projection.settings import ProjectionSettings
from ccp.settings import Setting, refuse_unknown, settings_of
from ccp.training.settings import GradientSettings, LoopSettings, OptimizerSettings
from datasets.input.formats import Augmentation
from datasets.settings import DataSettings
from experiments.consistency import check_together
from experiments.sections import BatchSettings, LossSettings, RunSettings, all_hyperparameters
from models.settings import NetworkSettings


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that a run follows from."""

    data: DataSettings = DataSettings()
    augmentation: Augmentation = Augmentation()
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    projection: ProjectionSettings = ProjectionSettings()
    batch: BatchSettings = BatchSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    gradients: GradientSettings = GradientSettings()
    loop: LoopSettings = LoopSettings()
    run: RunSettings = RunSettings()

    def __post_init__(self):
        check_together(self)

    def flat(self) -> dict[str, Any]:
        """Plain values by name, the hyperparameters among the others; ``configure`` is the inverse."""
        values = {name: value for section in dataclasses.asdict(self).values() for name, value in section.items()}
        hyperparameters = values.pop("hyperparameters")
        return {**values, **hyperparameters}

    def in_effect(self) -> dict[str, dict[str, Any]]:
        """The settings that matter to what comes out, given the others, section by section."""
        flat = {**self.flat(), "method": self.loss.methods}
        sections = {}
        for section in dataclasses.fields(self):
            described = settings_of(section.default)
            sections[section.name] = {
                name: flat[name]
                for name, entry in described.items()
                if not entry.may_change and has_effect(entry, flat)
            }
        described = hyperparameters_of(self.loss.loss)
        sections["loss"].update(
            {
                name: value
                for name, value in self.loss.hyperparameters.items()
                if has_effect(described[name], flat, name)
            }
        )
        return sections

    def replaced(self, **changes: Any) -> Settings:
        """With other values of some settings."""
        return configure(self.flat(), changes)


@functools.cache
def all_settings() -> dict[str, Setting]:
    """Every setting by name but the hyperparameters."""
    return {
        name: described
        for section in dataclasses.fields(Settings)
        for name, described in settings_of(section.default).items()
    }


def configure(*layers: Mapping[str, Any]) -> Settings:
    """Builds settings from flat ``{setting: value}`` layers, later ones winning over earlier ones.

    Raises:
      ConfigError: a setting is unknown, out of bounds, or a hyperparameter of another loss or of several terms.
    """
    flat = {name: value for layer in layers for name, value in layer.items()}
    refuse_unknown(map(base_name, flat), [*all_settings(), *all_hyperparameters()], "setting")
    loss, hyperparameters = flat.get("loss", all_settings()["loss"].default), {}
    for layer in layers:
        given = {name: value for name, value in layer.items() if base_name(name) in all_hyperparameters()}
        hyperparameters.update(resolved(loss, given))
    sections = {}
    for section in dataclasses.fields(Settings):
        values = {name: flat[name] for name in settings_of(section.default) if name in flat}
        more = {"hyperparameters": hyperparameters} if section.name == "loss" else {}
        sections[section.name] = type(section.default)(**values, **more)
    return Settings(**sections)


def has_effect(entry: Setting, flat: Mapping[str, Any], name: str = "") -> bool:
    """Whether the choices that a setting belongs to are made.

    Args:
      entry: the setting.
      flat: all values by name, and as ``method`` those of all terms.
      name: that of the setting, if it may be numbered.
    """
    return all(is_chosen(choice, values, flat, name) for choice, values in entry.only_with.items())


def is_chosen(choice: str, values: Sequence[str], flat: Mapping[str, Any], name: str = "") -> bool:
    """Whether a choice, of the same term where it is a hyperparameter, is one of these values."""
    _, at, number = name.partition("@")
    chosen = flat[choice + at + number if choice + at + number in flat else choice]
    return any(value in values for value in (chosen if choice == "method" else [chosen]))


def difference_phrases(
    one: Settings, other: Settings, first_place: str, second_place: str, may_grow: bool = False
) -> list[str]:
    """The settings in which two runs differ, of those that a resumed run must share.

    Args:
      one: the settings of a run.
      other: those of another.
      first_place: what to call the former, like ``there``.
      second_place: what to call the latter, like ``here``.
      may_grow: the other run extends the first: larger values of what may grow are no difference.
    """
    first, second, described = one.flat(), other.flat(), all_settings()
    phrases = []
    for name in {**first, **second}:
        before, after, entry = first.get(name), second.get(name), described.get(name)
        if before == after or (entry and (entry.may_change or (may_grow and entry.may_grow and after > before))):
            continue
        phrases.append(f"{name} is {_shown(before)} {first_place} and {_shown(after)} {second_place}")
    return phrases


def _shown(value: Any) -> Any:
    return "empty" if value == "" else value


def refuse_without_effect(given: Iterable[str], settings: Settings) -> None:
    """Refuses settings that belong to a choice that was not made.

    Args:
      given: the names of the settings that were given.
      settings: the complete settings.

    Raises:
      ConfigError: one of them has no effect.
    """
    flat = {**settings.flat(), "method": settings.loss.methods}
    described = {**all_settings(), **hyperparameters_of(settings.loss.loss)}
    for name in given:
        for choice, values in described[name].only_with.items() if name in described else ():
            if is_chosen(choice, values, flat, name):
                continue
            if choice == "method":
                raise ConfigError(
                    f"--{name} has no effect with --loss={settings.loss.loss}: it belongs to "
                    f"{', '.join(f'{method}/…' for method in values)}. Leave it out or change --loss."
                )
            raise ConfigError(
                f"--{name} only matters with --{choice}={' or '.join(values)}. Pass that too, or leave --{name} out."
            )
