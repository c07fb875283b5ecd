"""The interpreter that ``make`` sets up its environment with."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from tests.support.command_line import ROOT

# Answers every question with yes, as an interpreter that fits; or with no.
_FITS, _DOES_NOT = "#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 1\n"


@pytest.fixture
def machine(tmp_path):
    """Makes programs of these names on PATH, and runs the script there."""

    def program(path: pathlib.Path, content: str) -> pathlib.Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
        return path

    def found(programs: dict[str, str], *arguments: str, pyenv: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        for name, content in programs.items():
            program(tmp_path / "bin" / name, content)
        for version in pyenv:
            program(tmp_path / "pyenv" / "versions" / version / "bin" / "python", _FITS)
            program(tmp_path / "bin" / "pyenv", f"#!/bin/sh\necho {tmp_path / 'pyenv'}\n")
        environment = {"PATH": str(tmp_path / "bin")}
        command = ["/bin/sh", str(ROOT / ".ci" / "find_python"), *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    return found


@pytest.mark.parametrize(
    ("programs", "arguments", "expected"),
    [
        (("python3.13", "python3.9"), (), "python3.9"),  # The stack with TensorFlow Addons first.
        (("python3.12", "python3.13"), (), "python3.13"),
        (("python3",), (), "python3"),
        (("python3.11", "python3.12"), ("python3.12",), "python3.12"),
        (("python3.11", "python3.12"), ("python3.13", "python3.12"), "python3.12"),
    ],
)
def test_first_that_fits(machine, programs, arguments, expected):
    done = machine(dict.fromkeys(programs, _FITS), *arguments)
    assert os.path.basename(done.stdout.strip()) == expected, done.stderr


def test_pyenv_has_others(machine):
    done = machine({"python3.13": _DOES_NOT}, "python3.13", pyenv=("3.11.7", "3.13.0"))
    assert done.stdout.strip().endswith("/versions/3.13.0/bin/python"), done.stderr


def test_none(machine):
    done = machine({"python3.11": _DOES_NOT})
    assert done.returncode == 1
    assert "needed: Python 3.9 to 3.13" in done.stderr
    assert "remedy: install one" in done.stderr
