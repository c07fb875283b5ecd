"""The templates of pages, and their common style."""

from __future__ import annotations

import pathlib
from typing import Any

import jinja2

_FOLDER = pathlib.Path(__file__).parent
BASE_STYLE = _FOLDER / "base.css"  # Colours and type, of every page of the project.


def render_template(name: str, filters: dict[str, Any], **values: Any) -> str:
    """A page from a template in this package; ``style`` is among its values.

    Args:
      name: of the template.
      filters: functions for its expressions.
      **values: what it shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(filters)
    style = "".join(path.read_text(encoding="utf-8") for path in (BASE_STYLE, _FOLDER / "report.css"))
    return environment.get_template(name).render(style=style, **values)
