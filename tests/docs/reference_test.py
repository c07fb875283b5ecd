"""The pages of commands and of the Python interface leave nothing out."""

from __future__ import annotations

import importlib
import re

from absl.testing import absltest

import ccp
import main
from docs.site import api, commands


class ReferenceTest(absltest.TestCase):
    def test_every_command_and_flag_is_described(self):
        sections = re.split(r"^## ", commands.page(), flags=re.MULTILINE)[1:]
        self.assertEqual([section.splitlines()[0] for section in sections], list(main.COMMANDS))
        for section, command in zip(sections, main.COMMANDS.values()):
            listed = re.findall(r"^\| `--(\w+)` \| \S", section, re.MULTILINE)
            self.assertEqual(listed, [flag.name for flag in command.flags])
            self.assertEqual(section.count(" (required) |"), sum(flag.required for flag in command.flags))

    def test_every_public_name_is_listed_once_by_its_home(self):
        paths = re.findall(r"^::: (\S+)$", api.ccp_page(), re.MULTILINE)
        self.assertCountEqual([path.rpartition(".")[2] for path in paths], dir(ccp))

    def test_what_extensions_use_is_there(self):
        for path in re.findall(r"^::: (\S+)$", api.extending_page(), re.MULTILINE):
            module, _, name = path.rpartition(".")
            self.assertTrue(hasattr(importlib.import_module(module), name), path)


if __name__ == "__main__":
    absltest.main()
