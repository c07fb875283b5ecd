"""HTML from Python; whatever is not marked as HTML is text and is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = ("img", "meta", "br")


class Markup(str):
    """A string that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element; children that are None are left out, others than ``Markup`` escaped.

    Args:
      name: of the element.
      *children: its contents.
      **attributes: of the element, a trailing ``_`` dropped and other ones turned into ``-``; None leaves one out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Markup:
    """Several pieces, one after the other."""
    pieces = (child for child in children if child is not None)
    return Markup("".join(child if isinstance(child, Markup) else html.escape(str(child)) for child in pieces))


def table(head: Sequence[object], rows: Iterable[Sequence[object]], about: str) -> Markup:
    """A table whose first column heads the rows, under a line that says what it holds.

    On a narrow screen it scrolls inside its own box, and the line above it stays. A row of a single cell is a heading
    across all columns.
    """
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        if len(row) > 1
        else tag("tr", tag("th", row[0], scope="rowgroup", colspan=len(head), class_="group"))
        for row in rows
    ]
    heading = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    whole = tag("table", tag("thead", heading), tag("tbody", *body), aria_label=about)
    box = tag("div", whole, class_="scroll", tabindex=0, role="region", aria_label=about)
    return join([tag("p", about, class_="about"), box])
