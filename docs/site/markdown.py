"""Docstrings and tables as Markdown. Needs neither TensorFlow nor MkDocs."""

from __future__ import annotations

import ast
import importlib.util
import pathlib
from collections.abc import Iterable
from typing import NamedTuple


class Described(NamedTuple):
    """What a docstring says, in Markdown."""

    summary: str
    source: str = ""
    departs: str = ""


def described(path: str) -> Described:
    """The docstring of ``module:name``, or of ``module``: its first line, and its paragraphs Source and Departs.

    Raises:
      LookupError: there is no such docstring.
    """
    module, _, name = path.partition(":")
    tree = ast.parse(pathlib.Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if getattr(node, "name", None) == name] if name else [tree]
    docstring = (ast.get_docstring(nodes[0]) if nodes else None) or ""
    if not docstring:
        raise LookupError(f"{path} has no docstring.")
    paragraphs = [" ".join(paragraph.split()) for paragraph in docstring.replace("``", "`").split("\n\n")]
    found = {text.partition(": ")[0]: text.partition(": ")[2] for text in paragraphs}
    return Described(paragraphs[0], found.get("Source", ""), found.get("Departs", ""))


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; ``head`` names the columns, separated by ``|``."""
    columns = [column.strip() for column in head.split("|")]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in [columns, ["---"] * len(columns), *escaped])
