"""The flags of a command and its help page. Free of TensorFlow."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from absl import flags

from ccp.errors import ConfigError
from ccp.settings import KIND_NAMES

_WIDTH, _INDENT = 100, 26
_DEFINE = {bool: flags.DEFINE_bool, float: flags.DEFINE_float, str: flags.DEFINE_string, list: flags.DEFINE_list}


class Flag(NamedTuple):
    """A flag of a command.

    Attributes:
      name: without dashes.
      about: what it is, in a phrase.
      default: the value if it is not given; its type is the flag's.
      kind: the type where there is no default.
      choices: all values that it can have; empty where anything goes.
      at_least: lower bound of a whole number.
      required: whether the command needs it.
      group: heading under which the help shows it.
      numbered: ``--NAME@1``, ``--NAME@2``, … are flags too.
    """

    name: str
    about: str
    default: Any = None
    kind: type = str
    choices: Sequence[str] = ()
    at_least: int | None = None
    required: bool = False
    group: str = "Flags"
    numbered: bool = False

    def define(self, values: flags.FlagValues) -> None:
        """Defines it as a flag of absl."""
        kind = self.kind if self.default is None else type(self.default)
        if self.choices:
            flags.DEFINE_enum(self.name, self.default, self.choices, self.about, flag_values=values)
        elif kind is int:
            flags.DEFINE_integer(self.name, self.default, self.about, lower_bound=self.at_least, flag_values=values)
        else:
            _DEFINE[kind](self.name, self.default, self.about, flag_values=values)

    def expected(self) -> str:
        """What its values are, in a phrase."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        kind = self.kind if self.default is None else type(self.default)
        return KIND_NAMES.get(kind, "text") + ("" if self.at_least is None else f", at least {self.at_least}")

    def help(self) -> str:
        """Its entry in the help page."""
        listed = f"; one of {', '.join(self.choices)}" if self.choices else ""
        shown = ",".join(self.default) if isinstance(self.default, list) else self.default
        note = " (required)" if self.required else "" if shown is None else f" (default: {shown})"
        about = f"{self.about}{listed}{note}".split("\n")
        first, *others = (line for part in about for line in textwrap.wrap(part, _WIDTH - _INDENT))
        head = f"  --{self.name}"
        start = [head.ljust(_INDENT) + first] if len(head) < _INDENT else [head, " " * _INDENT + first]
        return "\n".join([*start, *(" " * _INDENT + line for line in others)])


def numbered_flags(listed: Sequence[Flag], arguments: Sequence[str]) -> list[Flag]:
    """The flags ``NAME@NUMBER`` among the arguments, as those of ``NAME``."""
    numbered = {flag.name: flag for flag in listed if flag.numbered}
    found = (re.match(r"--?((\w+)@[0-9]+)(=|$)", argument) for argument in arguments)
    names = {match[1]: numbered[match[2]] for match in found if match and match[2] in numbered}
    return [flag._replace(name=name) for name, flag in names.items()]


def flag_values(listed: Sequence[Flag]) -> flags.FlagValues:
    """Flags of absl, none given yet."""
    values = flags.FlagValues()
    for flag in listed:
        flag.define(values)
    return values


def check_required(word: str, listed: Sequence[Flag], values: flags.FlagValues) -> None:
    """Raises a ConfigError for a required flag that is missing."""
    for flag in listed:
        if flag.required and not values[flag.name].value:
            raise ConfigError(f"main.py {word} needs --{flag.name}: {flag.about}.")


def refuse_value(listed: Sequence[Flag], error: flags.IllegalFlagValueError) -> None:
    """Raises a ConfigError in place of absl's error for the value of a flag."""
    found = re.match(r"flag --([^=]*)=(.*?): ", f"{error}", re.DOTALL)
    for flag in listed:
        if found and flag.name == found[1]:
            raise ConfigError(f"--{flag.name} must be {flag.expected()}; got {found[2]!r}.") from error


def help_page(listed: Sequence[Flag]) -> str:
    """All flags, group by group, at 100 columns."""
    groups: dict[str, list[Flag]] = {}
    for flag in listed:
        groups.setdefault(flag.group, []).append(flag)
    return "\n\n".join(
        "\n".join([*textwrap.wrap(f"{title}:", _WIDTH), *(flag.help() for flag in members)])
        for title, members in groups.items()
    )
