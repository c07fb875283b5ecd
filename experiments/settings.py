"""What a run is: the rooms' settings composed into one frozen, checked record. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS, Method, hyperparameters_of, parse_loss
from ccp.settings import Setting, check, refuse_unknown, setting, settings_of
from ccp.training.settings import GradientSettings, LoopSettings, OptimizerSettings, ProjectionSettings
from datasets.settings import DataSettings
from models.settings import NetworkSettings

# The scores that a validation gives; see ``evaluate.metrics``.
_MONITORED = ("map_at_r", "r_precision", "precision_at_1")


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """The pair loss, its training method, and the hyperparameters of both; those left out have their defaults."""

    loss: str = setting(
        "ccp/contrastive",
        f"METHOD/PAIR_LOSS; methods: {', '.join(METHODS)}; pair losses: {', '.join(PAIR_LOSSES)}",
        in_preset=False,
        essential=True,
    )
    hyperparameters: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        check(self)
        described = hyperparameters_of(self.loss)
        for name, value in self.hyperparameters.items():
            if name not in described:
                raise ConfigError(f"{name} has no effect with --loss={self.loss}: it {_belongs_to(name)}.")
            described[name].check(name, value)
        values = {name: self.hyperparameters.get(name, entry.default) for name, entry in described.items()}
        object.__setattr__(self, "hyperparameters", values)

    @property
    def method(self) -> str:
        """A key of ``METHODS``."""
        return parse_loss(self.loss)[0]

    @property
    def pair_loss(self) -> str:
        """A key of ``PAIR_LOSSES``."""
        return parse_loss(self.loss)[1]

    @property
    def kind(self) -> Method:
        """The training method's entry."""
        return METHODS[self.method]


@dataclasses.dataclass(frozen=True)
class BatchSettings:
    """What a training batch consists of."""

    classes_per_batch: int = setting(8, "classes in a batch", at_least=1, essential=True)
    examples_per_class: int = setting(4, "images of each class in a batch", at_least=1, essential=True)

    def __post_init__(self):
        check(self)

    @property
    def size(self) -> int:
        """Images in a batch."""
        return self.classes_per_batch * self.examples_per_class


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """What is particular to one run."""

    seed: int = setting(
        0, "everything random follows from it", at_least=0, below=2**32, in_preset=False, essential=True
    )
    strategy: str = setting(
        "none",
        "train on one device, on all of this machine (mirrored), or on several machines (multi_worker, by TF_CONFIG)",
        choices=("none", "mirrored", "multi_worker"),
        may_change=True,
        in_preset=False,
    )

    def __post_init__(self):
        check(self)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that a run follows from."""

    data: DataSettings = DataSettings()
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    projection: ProjectionSettings = ProjectionSettings()
    batch: BatchSettings = BatchSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    gradients: GradientSettings = GradientSettings()
    loop: LoopSettings = LoopSettings()
    run: RunSettings = RunSettings()

    def __post_init__(self):
        _check_together(self)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain values, section by section, for JSON."""
        return dataclasses.asdict(self)

    def flat(self) -> dict[str, Any]:
        """By setting, the hyperparameters among the others."""
        values = {name: value for section in self.to_dict().values() for name, value in section.items()}
        return {**values, **values.pop("hyperparameters")}

    def in_effect(self) -> dict[str, dict[str, Any]]:
        """The settings that matter to what comes out, given the others, section by section."""
        flat = {**self.flat(), "method": self.loss.method}
        sections = {}
        for section in dataclasses.fields(self):
            described = settings_of(section.default)
            sections[section.name] = {
                name: flat[name]
                for name, entry in described.items()
                if not entry.may_change and all(flat[choice] in meant for choice, meant in entry.only_with.items())
            }
        sections["loss"].update(self.loss.hyperparameters)
        return sections

    def replaced(self, **changes: Any) -> Settings:
        """With other values of some settings."""
        return configure(self.flat(), changes)

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Any]]) -> Settings:
        """The inverse of ``to_dict``.

        Raises:
          ConfigError: a section or a setting is unknown, or a value cannot be.
        """
        sections = {field.name: type(field.default) for field in dataclasses.fields(cls)}
        refuse_unknown(values, sections, "section")
        built = {}
        for name, entries in values.items():
            refuse_unknown(entries, [field.name for field in dataclasses.fields(sections[name])], "setting")
            built[name] = sections[name](**entries)
        return cls(**built)


@functools.cache
def section_of(name: str) -> str:
    """The section of ``Settings`` that a setting belongs to; hyperparameters belong to ``loss``.

    Raises:
      ConfigError: there is no such setting.
    """
    places = dict.fromkeys(all_hyperparameters(), "loss")
    for section in dataclasses.fields(Settings):
        places.update(dict.fromkeys(settings_of(section.default), section.name))
    refuse_unknown([name], places, "setting")
    return places[name]


def all_settings() -> dict[str, Setting]:
    """Every setting by name but the hyperparameters."""
    return {
        name: described
        for section in dataclasses.fields(Settings)
        for name, described in settings_of(section.default).items()
    }


@functools.cache
def all_hyperparameters() -> dict[str, dict[str, Setting]]:
    """Every hyperparameter by name, and by the method or pair loss that takes it what it is there."""
    found: dict[str, dict[str, Setting]] = {}
    for kind, registry in (("{}/…", METHODS), ("{}", PAIR_LOSSES)):
        for owner, entry in registry.items():
            for name, described in entry.settings.items():
                found.setdefault(name, {})[kind.format(owner)] = described
    return found


def configure(*layers: Mapping[str, Any]) -> Settings:
    """Builds settings from flat ``{setting: value}`` layers, later ones winning over earlier ones.

    Raises:
      ConfigError: a setting is unknown, out of bounds, or a hyperparameter of another loss.
    """
    flat = {name: value for layer in layers for name, value in layer.items()}
    sections: dict[str, dict[str, Any]] = {}
    hyperparameters = all_hyperparameters()
    for name, value in flat.items():
        section = sections.setdefault(section_of(name), {})
        if name in hyperparameters:
            section = section.setdefault("hyperparameters", {})
        section[name] = value
    return Settings.from_dict(sections)


def differences(one: Settings, other: Settings) -> Iterator[tuple[str, Any, Any]]:
    """The settings in which two runs differ, of those that a resumed run must share: name and both values."""
    first, second, described = one.flat(), other.flat(), all_settings()
    for name in {**first, **second}:
        if name in described and described[name].may_change:
            continue
        if first.get(name) != second.get(name):
            yield name, first.get(name), second.get(name)


def _belongs_to(name: str) -> str:
    owners = ", ".join(all_hyperparameters().get(name, {}))
    return f"belongs to {owners}" if owners else "belongs to no loss"


def _check_together(settings: Settings) -> None:
    """Raises a ConfigError for settings that are each fine but together train nothing, or not what was asked for."""
    data, loss, loop, batch, strategy = (
        settings.data,
        settings.loss,
        settings.loop,
        settings.batch,
        settings.run.strategy,
    )
    refuse_unknown([loop.monitor], _MONITORED, "monitor")
    if strategy == "multi_worker" and (data.on_bad_image == "skip" or data.cache == "disk"):
        raise ConfigError(
            "--strategy=multi_worker goes with --on_bad_image=stop and --cache=none or memory: processes do not share "
            "lists of bad images or cache files. main.py validate finds bad images beforehand."
        )
    if strategy != "none" and loop.jit_compile:
        raise ConfigError("--jit_compile is for one device; leave out either that or --strategy.")
    if 0 < settings.network.resize_size < settings.network.image_size:
        raise ConfigError(
            f"resize_size {settings.network.resize_size} is below image_size {settings.network.image_size}, which is "
            "cropped from the resized image. Raise it, or leave it out."
        )
    if (
        not loss.kind.has_proxies
        and not loss.kind.has_memory
        and min(batch.examples_per_class, batch.classes_per_batch) < 2
    ):
        raise ConfigError(
            f"A batch against itself needs at least 2 classes of 2 images; got {batch.classes_per_batch} × "
            f"{batch.examples_per_class}. Raise --classes_per_batch or --examples_per_class, or train against proxies."
        )
    steps = loop.steps_per_epoch * loop.max_epochs
    if loss.kind.has_memory:
        start, batches = loss.hyperparameters["memory_start_step"], loss.hyperparameters["memory_batches"]
        if start + batches > steps:
            raise ConfigError(
                f"The memory would never be used: it is full after memory_start_step {start} and memory_batches "
                f"{batches}, and training has {steps} steps. Lower either."
            )
