"""Every page of docs/ has its place in the site's navigation."""

from __future__ import annotations

import re

from absl.testing import absltest

from tests.support.command_line import ROOT

_NAVIGATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
_PAGES = (*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")))
_CODE = "ccp|datasets|models|evaluate|experiments|benchmarks|tests|requirements|docs"
_LISTED = set(re.findall(r": (\S+\.md)$", _NAVIGATION, re.MULTILINE))


def _sections(page) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class NavigationTest(absltest.TestCase):
    def test_every_page_is_listed_in_mkdocs_yml(self):
        pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
        self.assertEmpty(pages - _LISTED, "Add them to nav in mkdocs.yml.")

    def test_every_page_section_and_picture_that_a_page_links_to_is_there(self):
        for path in _PAGES:
            for target, section in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", path.read_text(encoding="utf-8")):
                page = path.parent / target if target else path
                self.assertTrue(page.exists(), f"{path.name}: {target}")
                if section:
                    self.assertIn(section, _sections(page), f"{path.name}: {target}#{section}")

    def test_every_file_of_the_project_that_a_page_names_is_there(self):
        for path in _PAGES:
            for name in re.findall(rf"`((?:{_CODE})/[\w/]+\.\w+)`", path.read_text(encoding="utf-8")):
                self.assertTrue((ROOT / name).exists(), f"{path.name}: {name}")


if __name__ == "__main__":
    absltest.main()
