"""Registries: what there is of one kind, by name. Free of TensorFlow: entries are imported when they are used."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from ccp.settings import Setting, refuse_unknown, setting

Entry = TypeVar("Entry")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """Entries by name; an unknown name is refused with the nearest known ones.

    Args:
      what: of what kind the entries are, for messages.
      entries: by name, in the order in which they are listed.
    """

    def __init__(self, what: str, entries: Mapping[str, Entry]):
        self._what, self._entries = what, dict(entries)

    def __getitem__(self, name: str) -> Entry:
        refuse_unknown([name], self._entries, self._what)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


def imported(path: str) -> Any:
    """What ``package.module:name`` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def declared_settings(path: str) -> dict[str, Setting]:
    """The ``setting(…)`` fields of a class, read from its source, as importing it may import TensorFlow.

    Args:
      path: ``package.module:Class``. The arguments of its ``setting``s are literals.

    Returns:
      By name, in order.
    """
    module, _, name = path.partition(":")
    file = importlib.util.find_spec(module).origin
    tree = ast.parse(pathlib.Path(file).read_text(encoding="utf-8"), file)
    declaration = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    fields = (node for node in declaration.body if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call))
    return {
        field.target.id: eval(compile(ast.Expression(field.value), file, "eval"), {"setting": setting}).metadata[
            "setting"
        ]
        for field in fields
        if field.value.func.id == "setting"
    }
