"""Settings: all facts of one are at its field; flags, checks, presets and records follow from there.

Free of TensorFlow, so that a command line can be read without it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import math
import numbers
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from ccp.errors import ConfigError

_KINDS: dict[type, Any] = {int: numbers.Integral, float: numbers.Real, str: str, bool: bool}
_BOUNDS = {"at_least": operator.ge, "above": operator.gt, "at_most": operator.le, "below": operator.lt}
_LISTED = 30
KIND_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """The facts of one setting.

    Attributes:
      default: its type is the setting's.
      help: one phrase, with the paper's symbol where there is one.
      choices: the values of a text; empty for any.
      at_least: inclusive lower bound of a number; None for none. The other bounds likewise.
      or_zero: 0 is accepted beside the bounds, as it stands for a value that follows from others.
      above: exclusive lower bound.
      at_most: inclusive upper bound.
      below: exclusive upper bound.
      only_with: by the name of another setting, its values with which this one has an effect; empty if always.
      may_change: a run may be resumed with another value.
      may_grow: a run may be resumed with a larger value.
      in_preset: it is part of a preset; otherwise it says what a run is for, or where things are.
      essential: it is among the few flags that a command's help lists first.
    """

    default: Any
    help: str
    choices: tuple[str, ...] = ()
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    or_zero: bool = False
    only_with: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    may_change: bool = False
    may_grow: bool = False
    in_preset: bool = True
    essential: bool = False

    @property
    def kind(self) -> type:
        """The type of its values."""
        return type(self.default)

    def check(self, name: str, value: Any) -> None:
        """Raises a ConfigError for a value of another type, out of bounds, or not among the choices."""
        if not isinstance(value, _KINDS[self.kind]) or (isinstance(value, bool) and self.kind is not bool):
            raise ConfigError(f"{name} must be {KIND_NAMES[self.kind]}; got {value!r}.")
        if self.choices:
            refuse_unknown([value], self.choices, name)
        elif self.kind in (int, float) and not (self.or_zero and value == 0):
            bounds = {word: getattr(self, word) for word in _BOUNDS if getattr(self, word) is not None}
            if not (math.isfinite(value) and all(_BOUNDS[word](value, bound) for word, bound in bounds.items())):
                phrases = [f"{word.replace('_', ' ')} {bound:g}" for word, bound in bounds.items()]
                zero = "0 or " if self.or_zero else ""
                raise ConfigError(f"{name} must be {zero}{' and '.join(phrases) or 'finite'}; got {value}.")

    def converted(self, name: str, value: Any) -> Any:
        """The value as a plain one of its kind, as ``1`` is 1.0 and ``numpy.int64(2)`` is 2; checked."""
        if self.kind in (int, float) and not isinstance(value, (bool, str)):
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                value = self.kind(value) if self.kind(value) == value else value
        self.check(name, value)
        return value


def setting(default: Any, help: str, **more: Any) -> Any:
    """A dataclass field that is a ``Setting``; the arguments are its attributes."""
    return dataclasses.field(default=default, metadata={"setting": Setting(default, help, **more)})


def settings_of(section: Any) -> dict[str, Setting]:
    """The settings among the fields of a dataclass, or of an instance of one, by name."""
    fields = dataclasses.fields(section)
    return {field.name: field.metadata["setting"] for field in fields if "setting" in field.metadata}


def check(section: Any) -> None:
    """Raises a ConfigError for the first setting of a dataclass instance whose value is refused."""
    for name, described in settings_of(section).items():
        described.check(name, getattr(section, name))


def refuse_unknown(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raises a ConfigError that names the nearest of ``known`` if one of ``names`` is not among them."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=3)
            listed = f"{', '.join(known[:_LISTED])}{f' and {len(known) - _LISTED} more' * (len(known) > _LISTED)}"
            hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {listed}."
            raise ConfigError(f"Unknown {what} {name!r}. {hint}")
