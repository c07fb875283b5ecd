"""Command words and what any command line needs: parsing, help, errors without tracebacks. Free of TensorFlow."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from absl import flags

from ccp.errors import ConfigError, UserError, first_line
from ccp.settings import refuse_unknown
from experiments.commands.command_flags import Flag, check_required, flag_values, help_page
from experiments.original_names import FORMER_FLAGS

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
        return [*own, Flag("verbosity", "1 also shows TensorFlow's messages", 0, group="Output")]


def run_command_line(arguments: list[str], commands: Mapping[str, Command], overview: str) -> int:
    """Runs a command line and returns its exit code; errors that the user can fix come without a traceback.

    Args:
      arguments: a command word, then flags and operands.
      commands: by word.
      overview: what to show without a command word.
    """
    try:
        code = _run(arguments, commands, overview)
        sys.stdout.flush()  # Here, where a closed pipe is expected.
        return code
    except (ConfigError, flags.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"error: {error}. Run 'make setup' and then '.venv/bin/python main.py …'.", file=sys.stderr)
    except BrokenPipeError:  # The output's reader has ended; Python would complain of it as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        remedy = " Free some space; the same command resumes from the last checkpoint." * (error.errno == errno.ENOSPC)
        print(f"error: {error.strerror or error}: {error.filename or ''}.{remedy}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    except Exception as error:
        if not type(error).__module__.startswith("tensorflow"):
            raise
        print(f"error: {type(error).__name__}: {first_line(error)}", file=sys.stderr)
    return EXIT_FAILURE


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
    values = flag_values(listed)
    try:
        _, *operands = values([word, *arguments])
    except flags.UnrecognizedFlagError as error:
        name = error.flagname
        if name in FORMER_FLAGS and word in ("train", "mlrc"):
            raise ConfigError(f"--{name} is a flag of the original code: {FORMER_FLAGS[name]}.") from error
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
