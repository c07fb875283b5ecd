"""docs/training.md names what there is, and nothing else."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from absl.testing import absltest

import main
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS
from models.conventions import CAFFE, IMAGENET, SIGNED, UNIT
from models.keras_applications import KERAS_APPLICATIONS
from models.registry import BACKBONES
from tests.support.command_line import ROOT

_TEXT = (ROOT / "docs" / "training.md").read_text()


_CONVENTIONS = {CAFFE: "x − mean, blue first", SIGNED: "x / 127.5 − 1", IMAGENET: "(x / 255 − mean) / deviation"}
_CONVENTIONS.update({UNIT: "x / 255", KERAS_APPLICATIONS["efficientnet_v2_s"].convention: "x / 128 − 1"})


def _keras_rows() -> Iterator[str]:
    """The table of Keras Applications, a row for each family with one convention."""
    families = itertools.groupby(
        KERAS_APPLICATIONS.items(),
        lambda item: (re.match("efficientnet_v2|[a-z]+(_rs)?", item[0])[0], item[1].convention),
    )
    for (_, convention), members in families:
        names, networks = zip(*members)
        sizes = ", ".join(dict.fromkeys(str(network.size) for network in networks))
        smallest = ", ".join(dict.fromkeys(str(network.smallest) for network in networks))
        note = "; Keras 2 only" if networks[0].only_keras_2 else ""
        listed = ", ".join(f"`{name}`" for name in names)
        yield f"| {listed} | {sizes} | {smallest} | {_CONVENTIONS[convention]}{note} |"


class TrainingDocsTest(absltest.TestCase):
    def test_every_method_loss_and_backbone_is_listed(self):
        names = [f"{method}/" for method in METHODS] + list(PAIR_LOSSES)
        names += [name for name in BACKBONES if not re.fullmatch(r"efficientnet_lite[12]", name)]
        for name in names:
            self.assertRegex(_TEXT, rf"\n\|[^|]*`{name}`", name)

    def test_table_of_keras_applications(self):
        self.assertIn("\n".join(_keras_rows()), _TEXT)

    def test_flags_exist(self):
        flags = {word: {flag.name for flag in command.flags} for word, command in main.COMMANDS.items()}
        for word, arguments in re.findall(r"^\.venv/bin/python main\.py (\w+)(.*)", _TEXT, re.MULTILINE):
            for flag in set(re.findall(r"--(\w+)", arguments)) - {"help"}:
                self.assertIn(flag, flags[word], f"main.py {word} {arguments}")
        mentioned = set(re.findall(r"`--(\w+)", _TEXT)) - {"cfg"}  # A flag of the original code.
        self.assertEmpty(mentioned - flags["train"])


if __name__ == "__main__":
    absltest.main()
