"""Command words, their flags and their help: what any command line needs. Free of TensorFlow."""

from __future__ import annotations

import errno
import logging
import os
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from absl import flags

from ccp.errors import ConfigError, UserError
from ccp.settings import refuse_unknown
from experiments.original_names import FORMER_FLAGS

EXIT_FAILURE, EXIT_USAGE, EXIT_BY_SIGNAL = 1, 2, 128
_HELP_WORDS = ("--help", "-h", "-help", "--helpfull", "--helpshort", "help")


class Command(NamedTuple):
    """What a command word does, its flags, and the function that runs it."""

    about: str
    define_flags: Callable[[flags.FlagValues], None]
    run: Callable[..., int]
    operands: str = ""


def run_command_line(arguments: list[str], commands: Mapping[str, Command], overview: str) -> int:
    """Runs a command line and returns its exit code; errors that are the user's to mend come without a traceback.

    Args:
      arguments: a command word, then flags and operands.
      commands: by word.
      overview: what to show without a command word.
    """
    try:
        code = _run(arguments, commands, overview)
        sys.stdout.flush()  # Here, where a reader that has gone is expected.
        return code
    except (ConfigError, flags.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"error: {error}. Run 'make setup' and then '.venv/bin/python main.py …'.", file=sys.stderr)
    except BrokenPipeError:  # The reader of the output has gone; Python would complain of it as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        remedy = " Free some space; the same command goes on from the last checkpoint." * (error.errno == errno.ENOSPC)
        print(f"error: {error.strerror or error}: {error.filename or ''}.{remedy}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    except Exception as error:
        if not type(error).__module__.startswith("tensorflow"):
            raise
        print(f"error: {type(error).__name__}: {str(error).partition(chr(10))[0]}", file=sys.stderr)
    return EXIT_FAILURE


def _run(arguments: list[str], commands: Mapping[str, Command], overview: str) -> int:
    if not arguments or arguments[0] in _HELP_WORDS:
        print(overview)
        return 0 if arguments else EXIT_USAGE
    word, *rest = arguments
    if word.startswith("-"):
        raise ConfigError(f"A command word comes first ({', '.join(commands)}); got {word}.")
    refuse_unknown([word], commands, "command")
    values = flag_values(commands[word])
    if any(argument in _HELP_WORDS for argument in rest):
        usage = f"main.py {word} {commands[word].operands}".rstrip()
        print(f"{usage}: {commands[word].about}\n\n{_flag_table(values)}")
        return 0
    operands = _parse(word, values, rest, commands)
    _quieten(values.verbosity)
    return commands[word].run(values, *([operands] if commands[word].operands else []))


def flag_values(command: Command) -> flags.FlagValues:
    """The flags of a command, none given yet."""
    values = flags.FlagValues()
    command.define_flags(values)
    flags.DEFINE_integer("verbosity", 0, "1 also shows what TensorFlow has to say (default: 0)", flag_values=values)
    return values


def _parse(word: str, values: flags.FlagValues, arguments: list[str], commands: Mapping[str, Command]) -> list[str]:
    """Fills in the flags and returns the operands, which only some commands take."""
    try:
        _, *left_over = values([word, *arguments])
    except flags.UnrecognizedFlagError as error:
        elsewhere = [other for other in commands if error.flagname in flag_values(commands[other])]
        if error.flagname in FORMER_FLAGS and word in ("train", "mlrc"):
            raise ConfigError(
                f"--{error.flagname} is a flag of the original code: {FORMER_FLAGS[error.flagname]}."
            ) from error
        if elsewhere:
            raise ConfigError(f"--{error.flagname} is a flag of {', '.join(elsewhere)}, not of {word}.") from error
        refuse_unknown([error.flagname], list(values), f"flag of main.py {word}:")
        raise
    for name in values:
        if values[name].help.endswith("(needed)") and not values[name].value:
            raise ConfigError(f"main.py {word} needs --{name}: {values[name].help[: -len(' (needed)')]}.")
    if commands[word].operands and not left_over:
        raise ConfigError(f"main.py {word} needs {commands[word].operands}.")
    if left_over and not commands[word].operands:
        raise ConfigError(f"Did not expect {left_over[0]!r}; flags are written --name=value.")
    return left_over


def _quieten(verbosity: int) -> None:
    """Shows this project's own messages; TensorFlow's and its add-ons' only from verbosity 1 on."""
    own = logging.getLogger("ccp")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    own.handlers, own.propagate = [handler], False
    own.setLevel(logging.INFO)
    if verbosity > 0:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


def _flag_table(values: flags.FlagValues) -> str:
    lines = []
    for name in values:
        about = textwrap.wrap(values[name].help, 84)
        lines.append(f"  --{name:<24}{about[0]}")
        lines += [" " * 28 + line for line in about[1:]]
    return "\n".join(lines)


def listing(entries: Iterable[tuple[str, object]]) -> str:
    """What came out and where it is, one under the other."""
    return "\n".join(f"{what + ':':<10}{value}" for what, value in entries)
