"""The examples of the README and of docs/own_code.md run, and the README's commands, flags and links exist."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import re

import tensorflow as tf

import ccp
import main
from tests.support.command_line import ROOT

_README = (ROOT / "README.md").read_text()
_OWN_CODE = (ROOT / "docs" / "own_code.md").read_text()


class ReadmeTest(tf.test.TestCase):
    def test_python_examples_run_in_order_with_public_names_alone(self):
        blocks = [re.findall(r"```python\n(.*?)```", page, re.DOTALL) for page in (_README, _OWN_CODE)]
        self.assertEqual([len(found) for found in blocks], [1, 1])
        self.assertLessEqual(set(re.findall(r"\bccp\.(\w+)", _README + _OWN_CODE)), set(dir(ccp)))
        namespace, shown = {}, io.StringIO()
        home = pathlib.Path.cwd()
        os.chdir(self.get_temp_dir())
        self.addCleanup(os.chdir, home)
        with contextlib.redirect_stdout(shown):
            for (block,) in blocks:
                exec(compile(block, "README.md", "exec"), namespace)
        self.assertEqual(namespace["embeddings"].shape, (896, 16))
        self.assertIn("val_map_at_r", shown.getvalue())
        progress = namespace["trainer"].progress
        self.assertTrue(progress.finished)
        self.assertEqual(progress.epoch, 5)
        self.assertGreater(progress.best_score, 0.3)

    def test_commands_and_flags_exist(self):
        lines = re.findall(r"main\.py (\w+)((?: (?:--[^ \n`]+|'[^']*'|[^ \n`-][^ \n`]*))*)", _README)
        self.assertGreater(len(lines), 3)
        for word, arguments in lines:
            if word in ("COMMAND",):
                continue
            values = {flag.name for flag in main.COMMANDS[word].flags}
            for flag in set(re.findall(r"--(\w+)", arguments)) - {"help"}:
                self.assertIn(flag, values, f"main.py {word} {arguments}")

    def test_files_it_points_to_are_there(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", _README):
            self.assertTrue((ROOT / target).exists(), target)


if __name__ == "__main__":
    tf.test.main()
