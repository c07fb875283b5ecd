"""The page of all commands and flags, made from their declarations. Needs no TensorFlow."""

from __future__ import annotations

import itertools
import textwrap

import main
from docs.site.markdown import table

_HEAD = "# Commands\n\n`.venv/bin/python main.py COMMAND --flag=value …`; `main.py COMMAND --help` says the same.\n"


def page() -> str:
    """The whole page, in Markdown."""
    return _HEAD + "".join(_command(word, command) for word, command in main.COMMANDS.items())


def _command(word, command) -> str:
    text = f"\n## {word}\n\n{command.about[0].upper()}{command.about[1:]}.\n"
    for paragraph in filter(str.strip, command.example.split("\n\n")):
        lines = textwrap.dedent(paragraph.strip("\n"))
        text += f"\n```\n{lines}\n```\n" if "main.py " in lines.splitlines()[0] else f"\n{_safe(lines)}\n"
    for group, flags in itertools.groupby(command.flags, lambda flag: flag.group):
        rows = [(f"`--{flag.name}`", _safe(flag.about) + _default(flag)) for flag in flags]
        text += f"\n**{group}**\n\n{table('flag | ', rows)}\n"
    return text


def _default(flag) -> str:
    if flag.required:
        return " (required)"
    return "" if flag.default in (None, "", []) else f" (default: {flag.default})"


def _safe(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
