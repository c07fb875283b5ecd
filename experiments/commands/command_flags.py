"""The flags of a command and its help page. Free of TensorFlow."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from absl import flags

from ccp.errors import ConfigError

_WIDTH, _INDENT = 100, 26
_DEFINE = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    list: flags.DEFINE_list,
}


class CommandFlags:
    """The absl flags of one command, in the groups in which its help shows them.

    Attributes:
      values: the flags; after parsing, their values.
    """

    def __init__(self):
        self.values = flags.FlagValues()
        self._groups: dict[str, list[tuple[str, str]]] = {}
        self._required: list[str] = []

    def add(
        self,
        name: str,
        help: str,
        default: Any = None,
        *,
        kind: type = str,
        choices: Sequence[str] = (),
        required: bool = False,
        group: str = "Flags",
    ) -> None:
        """Defines a flag.

        Args:
          name: without dashes.
          help: one phrase.
          default: the value if it is not given; its type is the flag's.
          kind: the type where there is no default.
          choices: all values that it can have; empty where anything goes.
          required: whether the command needs it.
          group: heading under which the help shows it.
        """
        listed = f"; one of {', '.join(choices)}" if choices else ""
        shown = ",".join(default) if isinstance(default, list) else default
        note = " (required)" if required else "" if default is None else f" (default: {shown})"
        if choices:
            flags.DEFINE_enum(name, default, choices, help, flag_values=self.values)
        else:
            define = _DEFINE[kind if default is None else type(default)]
            define(name, default, help, flag_values=self.values)
        self._groups.setdefault(group, []).append((name, help + listed + note))
        if required:
            self._required.append(name)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def parse(self, word: str, arguments: Sequence[str]) -> list[str]:
        """Sets the flags' values, and returns the arguments that are no flags.

        Raises:
          flags.Error: a flag is unknown, or its value is of another type or no choice.
          ConfigError: a required flag is missing.
        """
        _, *operands = self.values([word, *arguments])
        for name in self._required:
            if not self.values[name].value:
                raise ConfigError(f"main.py {word} needs --{name}: {self.values[name].help}.")
        return operands

    def help(self) -> str:
        """All flags, group by group, at 100 columns."""
        return "\n\n".join(
            "\n".join([*textwrap.wrap(f"{title}:", _WIDTH), *(_entry(name, about) for name, about in listed)])
            for title, listed in self._groups.items()
        )


def _entry(name: str, about: str) -> str:
    lines = [part for line in about.split("\n") for part in textwrap.wrap(line, _WIDTH - _INDENT)]
    head = f"  --{name}".ljust(_INDENT)
    first = [head + lines.pop(0)] if len(head) == _INDENT and head.endswith(" ") else [head.rstrip()]
    return "\n".join([*first, *(" " * _INDENT + line for line in lines)])
