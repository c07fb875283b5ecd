"""Runs main.py as a user does: in a process of its own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

_SET_BY_TESTS = ("TF_CPP_MIN_LOG_LEVEL",)  # A user has not set it; what is shown then is under test.
ROOT = pathlib.Path(__file__).parents[1]


def start(*arguments: str, cwd: str | os.PathLike = ROOT, stderr: int = subprocess.PIPE) -> subprocess.Popen:
    """Starts ``main.py`` with its outputs captured as text."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name not in _SET_BY_TESTS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def run(*arguments: str, cwd: str | os.PathLike = ROOT) -> tuple[int, str, str]:
    """Runs ``main.py`` to its end: exit code, standard output, standard error."""
    process = start(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err
