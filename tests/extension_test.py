"""The examples of CONTRIBUTING.md, applied to a copy of the project, which then trains with them."""

import ast
import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.command_line import ROOT

SOURCES = ("ccp", "datasets", "models", "evaluate", "experiments")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# A block of Python starts with its file, and with its registry if it is a line of one.
EXAMPLES = re.findall(r"```python\n# (\S+?\.py)(?:, in (\w+))?\n(.*?)```", CONTRIBUTING, re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the sources with every example of CONTRIBUTING."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "main.py", copy)
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path, registry, code in EXAMPLES:
        file = copy / path
        if registry:
            source = file.read_text(encoding="utf-8")
            entry = re.search(rf"^{registry}: Registry.*?\{{\n", source, re.DOTALL | re.MULTILINE).end()
            code = source[:entry] + code + source[entry:]
        else:
            assert not file.exists()
        ast.parse(code)
        file.write_text(code, encoding="utf-8")
    return copy


def run(project, *arguments):  # A process, slow as that is: the copy's modules have the names of the project's.
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)


def test_each_is_one_file_and_one_line():
    files, lines = [e for e in EXAMPLES if not e[1]], [e for e in EXAMPLES if e[1]]
    assert len(files) == len(lines) == 5
    assert {registry for _, registry, _ in lines} == {"PAIR_LOSSES", "METHODS", "DATA_SETS", "BACKBONES", "METRICS"}
    assert all(code.count("\n") == 1 for _, _, code in lines)


def test_help_describes_their_hyperparameters(project):
    shown = " ".join(run(project, "main.py", "train", "--help").stdout.split())
    for expected in (
        r"--power power: exponent of the distances \(p\) \(default: 2",
        r"--length_weight length/…: weight of the squared distances from length 1 \(default: 0\.1\)",
        r"--dataset [^-]*one of stripes, digits",
        r"--backbone [^-]*one of tiny, conv4",
    ):
        assert re.search(expected, shown), expected


def test_values_out_of_bounds_are_refused(project):
    refused = run(project, "main.py", "train", "--loss=power", "--power=9")
    assert refused.returncode != 0
    assert "power must be at least 1 and at most 4; got 9" in refused.stderr


def test_trains_with_all_of_them(project):
    trained = run(
        project,
        *("main.py", "train", "--run_dir=run", "--dataset=stripes", "--backbone=tiny", "--loss=length/power"),
        *("--power=1.5", "--length_weight=0.3", "--embedding_size=4", "--classes_per_batch=4"),
        *("--steps_per_epoch=3", "--max_epochs=1"),
    )
    assert trained.returncode == 0, trained.stderr[-3000:]
    result, settings = (json.loads((project / "run" / f"{name}.json").read_text()) for name in ("result", "settings"))
    assert result["data"]["test"] == {"images": 96, "classes": 4}
    assert 0 < result["test"]["precision_at_1"] <= 1
    assert (settings["length_weight"], settings["power"]) == (0.3, 1.5)


def test_the_metric_is_among_those_of_an_evaluation(project):
    program = (
        "import numpy as np; from evaluate import evaluate_retrieval; "
        "from evaluate.metrics.registry import all_metrics; "
        "result = evaluate_retrieval(np.arange(5.0)[:, None], [0, 0, 0, 1, 1], metrics=['coverage_at_2']); "
        "print('coverage_at_10' in all_metrics(), result.per_query['coverage_at_2'].tolist())"
    )
    # On a line. The 2 nearest of 2 are 1, of its class, and 3; all others find all of theirs.
    assert run(project, "-c", program).stdout == "True [1.0, 1.0, 0.5, 1.0, 1.0]\n"
