"""The executed notebooks as pages of the site, with their pictures."""

from __future__ import annotations

import pathlib

from nbconvert import MarkdownExporter

FOLDER = pathlib.Path(__file__).parent.parent.parent / "notebooks"


def pages() -> dict[str, str | bytes]:
    """Contents of files by their place in the site: a page for each notebook, and its pictures."""
    found: dict[str, str | bytes] = {}
    for path in sorted(FOLDER.glob("*.ipynb")):
        text, resources = MarkdownExporter().from_filename(str(path))
        for name, picture in resources["outputs"].items():
            found[f"notebooks/{path.stem}/{name}"] = picture
            text = text.replace(f"]({name})", f"]({path.stem}/{name})")
        found[f"notebooks/{path.stem}.md"] = text.replace("](../docs/", "](../").replace(".ipynb)", ".md)")
    return found
