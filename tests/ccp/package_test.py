import ast
import pathlib
import subprocess
import sys

import pytest

import ccp
from datasets.registry import DATA_SETS
from main import COMMANDS
from models.registry import BACKBONES

ROOT = pathlib.Path(__file__).parents[2]


def test_tests_import_the_package_and_not_their_own_directory():
    assert pathlib.Path(ccp.__file__) == ROOT / "ccp" / "__init__.py"


def test_every_public_name_exists():
    assert dir(ccp) == sorted(ccp.__all__)
    for name in ccp.__all__:
        assert getattr(ccp, name).__name__ == name


def test_unknown_names_fail():
    with pytest.raises(AttributeError, match="module 'ccp' has no attribute 'TripleLoss'"):
        _ = ccp.TripleLoss


@pytest.mark.parametrize("module", ["ccp", "ccp.losses.registry", "experiments.settings", "experiments.presets"])
def test_settings_can_be_read_without_tensorflow(module):
    script = f"import sys, {module}; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_names_no_data_set_no_backbone_and_no_command():
    names, found = {*DATA_SETS, *BACKBONES, *COMMANDS}, []
    for file in (ROOT / "ccp").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        docstrings = [node.value for node in nodes if isinstance(node, ast.Expr)]
        for node in nodes:
            if isinstance(node, ast.Constant) and node.value in names and node not in docstrings:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno} {node.value!r}")
    assert not found
