"""Command words and what any command line needs: parsing, help, errors without tracebacks. Free of TensorFlow."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from ccp.errors import ConfigError, UserError, first_line
from ccp.settings import refuse_unknown
from experiments.commands.command_flags import (
    Flag,
    check_required,
    flag_values,
    help_page,
    numbered_flags,
    refuse_value,
)
from experiments.commands.streams import STDOUT, give_up_stdout
from experiments.original_names import FORMER_FLAGS, usual_names

EXIT_FAILURE, EXIT_USAGE, EXIT_BY_SIGNAL = 1, 2, 128
_HELP_WORDS = ("--help", "-h", "-help", "--helpfull", "--helpshort", "help")


class Command(NamedTuple):
    """A command of main.py.

    Attributes:
      about: what it does, in a phrase.
      run: given the flags' values, and the operands if it takes any; returns the exit code.
      own_flags: its flags, or a function that lists them.
      operands: what the help calls them; empty if it takes none.
      example: command lines that the help ends with.
    """

    about: str
    run: Callable[..., int]
    own_flags: Sequence[Flag] | Callable[[], Sequence[Flag]]
    operands: str = ""
    example: str = ""

    @property
    def flags(self) -> list[Flag]:
        """All its flags."""
        own = self.own_flags() if callable(self.own_flags) else self.own_flags
        return [
            *own,
            Flag("flagfile", "read flags from this file, one a line", group="Other"),  # By absl itself.
            Flag("verbosity", "1 also shows TensorFlow's messages", 0, group="Other"),
        ]


def run_command_line(
    arguments: list[str],
    commands: Mapping[str, Command],
    overview: str,
    end: Callable[[int], Any] = lambda code: code,
) -> int:
    """Runs a command line and returns its exit code; errors that the user can fix come without a traceback.

    Args:
      arguments: a command word, then flags and operands.
      commands: by word.
      overview: what to show without a command word.
      end: called with the exit code of a command that failed or was stopped, before its error is let go; what it
        returns is returned.
    """
    code = 0
    try:
        code = _run(arguments, commands, overview)
        sys.stdout.flush()  # Here, where a closed pipe or a full disk is expected.
        return code
    except BaseException as error:
        code, message = _explained(error, code)
        if message:
            with contextlib.suppress(OSError):
                print(message, file=sys.stderr)
        return end(code)


def _explained(error: BaseException, code: int) -> tuple[int, str]:
    """The exit code and the message for an error; it is raised if it is a fault of the program.

    Args:
      error: what a command raised.
      code: the command's exit code if it has ended.
    """
    if isinstance(error, SystemExit):
        return error.code, ""
    if isinstance(error, KeyboardInterrupt):
        return EXIT_BY_SIGNAL + signal.SIGINT, "Stopped."
    if isinstance(error, (ConfigError, flags.Error)):
        return EXIT_USAGE, f"error: {error}"
    if isinstance(error, UserError):
        return EXIT_FAILURE, f"error: {error}"
    if isinstance(error, ModuleNotFoundError):
        return EXIT_FAILURE, f"error: {error}. Run 'make setup' and then '.venv/bin/python main.py …'."
    if isinstance(error, OSError):
        if error.filename == STDOUT:
            give_up_stdout()
            if isinstance(error, BrokenPipeError):  # The reader has what it wants.
                return code, ""
        where = f": {error.filename}" if error.filename else ""
        remedy = " Free some space and run the command again." * (error.errno == errno.ENOSPC)
        return EXIT_FAILURE, f"error: {error.strerror or error}{where}.{remedy}"
    if type(error).__module__.startswith("tensorflow"):
        return EXIT_FAILURE, f"error: {type(error).__name__}: {first_line(error)}"
    raise error


def _run(arguments: list[str], commands: Mapping[str, Command], overview: str) -> int:
    if not arguments or arguments[0] in _HELP_WORDS:
        print(overview)
        return 0 if arguments else EXIT_USAGE
    word, *rest = arguments
    if word.startswith("-"):
        raise ConfigError(f"A command word comes first ({', '.join(commands)}); got {word}.")
    refuse_unknown([word], commands, "command")
    command = commands[word]
    if any(argument in _HELP_WORDS for argument in rest):
        print(_help(word, command))
        return 0
    values, operands = _parse(word, rest, commands)
    _configure_messages(values.verbosity)
    return command.run(values, *([operands] if command.operands else []))


def _help(word: str, command: Command) -> str:
    usage = f"usage: main.py {word} {command.operands}".rstrip() + " --flag=value …"
    about = command.about[0].upper() + command.about[1:] + "."
    example = f"\n\nExample:\n{command.example}" if command.example else ""
    return f"{usage}\n\n{about}\n\n{help_page(command.flags)}{example}"


def _parse(word: str, arguments: list[str], commands: Mapping[str, Command]) -> tuple[flags.FlagValues, list[str]]:
    """The flags' values, and the operands, which only some commands take."""
    listed, wanted = commands[word].flags, commands[word].operands
    listed = [*listed, *numbered_flags(listed, arguments)]
    values = flag_values(listed)
    try:
        _, *operands = values([word, *arguments])
    except flags.IllegalFlagValueError as error:
        refuse_value(listed, error)
        raise
    except flags.UnrecognizedFlagError as error:
        name = error.flagname
        if name in FORMER_FLAGS and word in ("train", "mlrc"):
            raise ConfigError(f"--{name} is a flag of the original code: {FORMER_FLAGS[name]}.") from error
        meant = usual_names(name, values)
        if meant:
            raise ConfigError(
                f"main.py {word} has no --{name}: pass {' and '.join(f'--{flag}' for flag in meant)}."
            ) from error
        if wanted and name in ("run_dir", "run"):
            raise ConfigError(f"main.py {word} takes runs without a flag: main.py {word} {wanted}.") from error
        others = [other for other, command in commands.items() if name in {flag.name for flag in command.flags}]
        if others:
            raise ConfigError(f"--{name} is a flag of {', '.join(others)}, not of {word}.") from error
        refuse_unknown([name], list(values), f"flag of main.py {word}:")
        raise
    check_required(word, listed, values)
    if wanted and not operands:
        raise ConfigError(f"main.py {word} needs {wanted}.")
    if operands and not wanted:
        raise ConfigError(f"Did not expect {operands[0]!r}; flags are written --name=value.")
    return values, operands


def _configure_messages(verbosity: int) -> None:
    """Shows this project's messages; TensorFlow's and its add-ons' only from verbosity 1."""
    logger = logging.getLogger("ccp")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    if verbosity > 0:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


def listing(entries: Iterable[tuple[str, object]]) -> str:
    """The results and where they are, one a line."""
    return "\n".join(f"{name + ':':<10}{value}" for name, value in entries)
