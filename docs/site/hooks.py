"""MkDocs hooks: pages made from the code, and those that stand at the project's root."""

from __future__ import annotations

import pathlib
import re

from mkdocs.structure.files import File

from docs.site import api, commands, notebooks

_ROOT = pathlib.Path(__file__).parent.parent.parent
_ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_ROOT_FILES = ("CITATION.cff", "LICENSE")


def on_files(files, config):
    """Adds the generated pages."""
    pages = {
        "reference/commands.md": commands.page(),
        "reference/ccp.md": api.ccp_page(),
        "reference/extending.md": api.extending_page(),
        **notebooks.pages(),
    }
    for name, place in _ROOT_PAGES.items():
        pages[place] = _from_root((_ROOT / name).read_text(encoding="utf-8"))
    for name in _ROOT_FILES:
        pages[name] = (_ROOT / name).read_text(encoding="utf-8")
    for place, content in pages.items():
        files.append(File.generated(config, place, content=content))
    files.append(File.generated(config, "stylesheets/site.css", abs_src_path=str(_ROOT / "docs/site/site.css")))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links from docs/ to the root's pages lead to their places in the site."""
    for name, place in _ROOT_PAGES.items():
        markdown = markdown.replace(f"](../{name}", f"]({place}")
    return re.sub(r"\]\(\.\./(notebooks/\w+)\.ipynb", r"](\1.md", markdown)


def _from_root(text: str) -> str:
    """A page of the root, with its links as they are from docs/."""
    for name, place in _ROOT_PAGES.items():
        text = text.replace(f"]({name}", f"]({place}")
    text = re.sub(r"\]\((notebooks/\w+)\.ipynb", r"](\1.md", text)
    return re.sub(r"(\]\(|src=\")docs/", r"\1", text)
