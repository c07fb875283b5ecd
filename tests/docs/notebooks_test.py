"""The notebooks' code compiles, and the commands, flags and names of ccp that it uses exist."""

from __future__ import annotations

import ast
import json
import re

from absl.testing import absltest, parameterized

import ccp
import main
from tests.support.command_line import ROOT

_NOTEBOOKS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "notebooks").glob("*.ipynb")}


def _code(notebook: dict) -> str:
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return "\n".join(re.sub(r"^%.*$", "", cell, flags=re.MULTILINE) for cell in cells)


class NotebooksTest(parameterized.TestCase):
    def test_there_are_two(self):
        self.assertEqual(set(_NOTEBOOKS), {"the_first_hour", "the_method_in_pictures"})

    @parameterized.parameters(*_NOTEBOOKS)
    def test_every_cell_was_executed_and_none_failed(self, name):
        cells = [cell for cell in _NOTEBOOKS[name]["cells"] if cell["cell_type"] == "code"]
        self.assertEqual([cell["execution_count"] for cell in cells], list(range(1, len(cells) + 1)), "make notebooks")
        kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
        self.assertNotIn("error", kinds)
        self.assertIn("display_data", kinds)

    @parameterized.parameters(*_NOTEBOOKS)
    def test_names_of_ccp_exist(self, name):
        self.assertEmpty(set(re.findall(r"\bccp\.(\w+)", _code(_NOTEBOOKS[name]))) - set(dir(ccp)))

    @parameterized.parameters(*_NOTEBOOKS)
    def test_commands_and_flags_exist(self, name):
        for node in ast.walk(ast.parse(_code(_NOTEBOOKS[name]), name)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "run":
                flags = {flag.name for flag in main.COMMANDS[node.args[0].value].flags}
                given = set(re.findall(r"--(\w+)=", " ".join(map(ast.unparse, node.args))))
                self.assertEmpty(given - flags, ast.unparse(node))
        settings = re.findall(r"\"--(\w+)=[^{\"]*\"", _code(_NOTEBOOKS[name]))
        self.assertEmpty(set(settings) - {"depth"} - {flag.name for flag in main.COMMANDS["train"].flags} - {"top"})


if __name__ == "__main__":
    absltest.main()
