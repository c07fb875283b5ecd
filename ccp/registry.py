"""Registries: everything of one kind by name. Free of TensorFlow: entries are imported when they are used."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import pathlib
import types
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from ccp.settings import Setting, refuse_unknown, setting

Entry = TypeVar("Entry")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """Entries by name; an unknown name is refused with the nearest known ones.

    Args:
      what: the kind of the entries, for messages.
      entries: by name, in the order of listings.
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
    """The object that ``package.module:name`` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


@functools.cache
def declared_settings(path: str) -> Mapping[str, Setting]:
    """The ``setting(…)`` fields of a class, read from its source, as importing it may import TensorFlow.

    Args:
      path: ``package.module:Class``. The arguments of its ``setting``s are literals. Fields of a base class are not
        among them.

    Returns:
      By name, in order.

    Raises:
      LookupError: the module or the class does not exist.
    """
    module, _, name = path.partition(":")
    found = importlib.util.find_spec(module)
    classes: dict[str, Any] = {}
    if found is not None:
        tree = ast.parse(pathlib.Path(found.origin).read_text(encoding="utf-8"), found.origin)
        classes = {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
    if name not in classes:
        raise LookupError(f"A registry names the class {path}, which does not exist.")
    return types.MappingProxyType(
        {field.target.id: _evaluated(field.value) for field in filter(_is_setting, classes[name])}
    )


def _is_setting(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.AnnAssign) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "setting"


def _evaluated(call: ast.Call) -> Setting:
    return eval(compile(ast.Expression(call), "<settings>", "eval"), {"setting": setting}).metadata["setting"]
