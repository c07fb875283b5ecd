"""docs/training.md names what there is, and nothing else."""

from __future__ import annotations

import re

from absl.testing import absltest

import main
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS
from models.registry import BACKBONES
from tests.support.command_line import ROOT

_TEXT = (ROOT / "docs" / "training.md").read_text()


class TrainingDocsTest(absltest.TestCase):
    def test_every_method_loss_and_backbone_is_listed(self):
        names = [f"{method}/" for method in METHODS] + list(PAIR_LOSSES)
        names += [name for name in BACKBONES if not re.fullmatch(r"efficientnet_(b[1-7]|lite[12])", name)]
        for name in names:
            self.assertRegex(_TEXT, rf"\n\|[^|]*`{name}`", name)

    def test_flags_exist(self):
        flags = {word: {flag.name for flag in command.flags} for word, command in main.COMMANDS.items()}
        for word, arguments in re.findall(r"^\.venv/bin/python main\.py (\w+)(.*)", _TEXT, re.MULTILINE):
            for flag in set(re.findall(r"--(\w+)", arguments)) - {"help"}:
                self.assertIn(flag, flags[word], f"main.py {word} {arguments}")
        mentioned = set(re.findall(r"`--(\w+)", _TEXT)) - {"cfg"}  # A flag of the original code.
        self.assertEmpty(mentioned - flags["train"])


if __name__ == "__main__":
    absltest.main()
