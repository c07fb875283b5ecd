"""docs/training.md names flags that exist."""

from __future__ import annotations

import re

from absl.testing import absltest

import main
from tests.support.command_line import ROOT

_TEXT = (ROOT / "docs" / "training.md").read_text()


class TrainingDocsTest(absltest.TestCase):
    def test_flags_exist(self):
        flags = {word: {flag.name for flag in command.flags} for word, command in main.COMMANDS.items()}
        for word, arguments in re.findall(r"^\.venv/bin/python main\.py (\w+)(.*)", _TEXT, re.MULTILINE):
            for flag in set(re.findall(r"--(\w+)", arguments)) - {"help"}:
                self.assertIn(flag, flags[word], f"main.py {word} {arguments}")
        mentioned = set(re.findall(r"`--(\w+)", _TEXT)) - {"cfg"}  # A flag of the original code.
        self.assertEmpty(mentioned - flags["train"])


if __name__ == "__main__":
    absltest.main()
