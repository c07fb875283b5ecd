"""Runs main.py as a user does, in a separate process."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import main
from tests.support import tiny_runs

_SET_BY_TESTS = ("TF_CPP_MIN_LOG_LEVEL",)  # A user has not set it; what is shown then is under test.
_SECONDS = 300
ROOT = pathlib.Path(__file__).parents[2]
# None of these does anything with TensorFlow on import, after which it could not be forked.
_IMPORTED_BEFORE = ("experiments.demo", "experiments.evaluation", "experiments.indexing", "datasets.validation")


def start(*arguments: str, cwd: str | os.PathLike = ROOT, stderr: int = subprocess.PIPE) -> subprocess.Popen:
    """Starts ``main.py`` in a new interpreter, with its outputs captured as text."""
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
    return ended(start(*arguments, cwd=cwd))


NO_BOARD = MappingProxyType({"experiments.train.TensorBoard": tiny_runs.no_board})


class Forked:
    """``main.py`` in a process forked from one that has imported TensorFlow already, which saves seconds of each start.

    Runs, ends and is killed like any other process. What depends on the interpreter's start is for ``start``: what
    importing TensorFlow shows, and what is imported when. Has those methods of ``subprocess.Popen`` that tests need.

    Args:
      arguments: of ``main.py``.
      environment: what is set there besides.
      constants: other values for attributes of modules and classes, by their full names. By default there is no
        TensorBoard.
    """

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        constants: Mapping[str, Any] = NO_BOARD,
    ):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(_IMPORTED_BEFORE))
        self._folder = tempfile.TemporaryDirectory()
        self._outputs = [pathlib.Path(self._folder.name) / name for name in ("out", "err")]
        for path in self._outputs:
            path.touch()  # There even if the process ends before it writes.
        self._process = context.Process(
            target=_be_main, args=(arguments, dict(environment), dict(constants), *self._outputs)
        )
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs, and minus the signal that killed it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def communicate(self, timeout: float = _SECONDS) -> tuple[str, str]:
        """Waits for its end and returns standard output and standard error."""
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise TimeoutError(f"main.py has not ended after {timeout} seconds.")
        out, err = (path.read_text() for path in self._outputs)
        self._folder.cleanup()
        return out, err


def run_forked(*arguments: str, **more: Any) -> tuple[int, str, str]:
    """Runs ``main.py`` to its end, ``Forked``: exit code, standard output, standard error."""
    return ended(Forked(*arguments, **more))


def ended(process: subprocess.Popen | Forked) -> tuple[int, str, str]:
    """Waits for its end: exit code, standard output, standard error."""
    out, err = process.communicate(timeout=_SECONDS)
    return process.returncode, out, err


def _be_main(
    arguments: tuple[str, ...], environment: dict[str, str], constants: dict[str, Any], *outputs: pathlib.Path
) -> None:
    os.chdir(ROOT)
    os.environ.update(environment)
    for name, value in constants.items():
        owner, _, constant = name.rpartition(".")
        setattr(pkgutil.resolve_name(owner), constant, value)
    sys.argv = [str(ROOT / "main.py"), *arguments]
    for descriptor, path in enumerate(outputs, start=1):
        opened = os.open(path, os.O_WRONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.exit(main.main(list(arguments)))
