"""Deep metric learning with chance constraints (CCP): the command line.

One command word, then flags; ``main.py --help`` and ``main.py COMMAND --help`` list them. TensorFlow is
imported only once a command runs.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Callable
from typing import NamedTuple

from absl import flags

from ccp.config import configure
from ccp.errors import ConfigError, Interrupted, UserError
from ccp.flags import define_settings, given_settings
from ccp.loss_names import refuse_unknown
from ccp.presets import DATASET_PRESETS

EXIT_FAILURE, EXIT_USAGE, EXIT_BY_SIGNAL = 1, 2, 128
HELP_WORDS = ("--help", "-h", "-help", "--helpfull", "--helpshort", "help")


class Command(NamedTuple):
    """What a command word does, its flags, and the function that runs it."""

    about: str
    define_flags: Callable[[flags.FlagValues], None]
    run: Callable[..., int]
    operands: str = ""


def train(values: flags.FlagValues) -> int:
    """Trains a run, or goes on with one, and judges it."""
    given = given_settings(values)
    dataset = given.setdefault("dataset", "digits")
    refuse_unknown([dataset], DATASET_PRESETS, "data set")
    if given.get("data_dir"):
        given["data_dir"] = os.path.abspath(given["data_dir"])
    config = configure(DATASET_PRESETS[dataset], given)
    name = config.loss.loss
    run_dir = values.run_dir or os.path.join("runs", f"{dataset}-{name.replace('/', '-')}-seed{config.loop.seed}")

    from ccp.runs import StopRequest
    from evaluate.experiment import make_deterministic, train_run
    from evaluate.report import draw_run, score_table

    make_deterministic()
    with StopRequest() as stop:
        try:
            result = train_run(config, run_dir, name, stop)
        except Interrupted as interruption:
            print(f"{interruption} The same command goes on from there.", file=sys.stderr)
            return EXIT_BY_SIGNAL + stop.signal
    print(score_table({f"{name}, unseen classes": result["test"]}))
    print(_listing([("run", run_dir), *(("figure", path) for path in draw_run(run_dir))]))
    return 0


def evaluate(values: flags.FlagValues) -> int:
    """Judges the best weights of a run."""
    from ccp.runs import RunDirectory, write_json
    from evaluate.experiment import describe, restored_experiment
    from evaluate.report import score_table

    experiment, progress = restored_experiment(values.run_dir, values.data_dir)
    scores = experiment.judge(values.part)
    path = RunDirectory(values.run_dir).path / f"evaluation_{values.part}.json"
    write_json(path, {**describe(experiment), **progress, "part": values.part, "scores": scores})
    print(score_table({f"{experiment.config.loss.loss}, {values.part}": scores}))
    _note_unfinished(progress)
    print(_listing([("result", path)]))
    return 0


def export(values: flags.FlagValues) -> int:
    """Writes the best weights of a run as a SavedModel."""
    from evaluate.experiment import describe, restored_experiment
    from models.export import export as export_model

    experiment, progress = restored_experiment(values.run_dir, values.data_dir)
    info = {**describe(experiment), **progress, "test": experiment.judge("test")}
    export_model(experiment.model, experiment.format, values.export_dir, info)
    _note_unfinished(progress)
    print(_listing([("model", values.export_dir)]))
    return 0


def embed(values: flags.FlagValues) -> int:
    """Embeds image files with an exported model."""
    from evaluate.embed_files import embed_files

    kept, skipped = embed_files(values.model, values.images, values.output, skip_unreadable=values.on_error == "skip")
    for path, reason in skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    print(_listing([("embedded", f"{kept} images, {len(skipped)} skipped"), ("output", values.output)]))
    return 0


def compare(values: flags.FlagValues, runs: list[str]) -> int:
    """Shows the scores of finished runs in one table."""
    del values  # It has none of its own.
    from evaluate.compare import compare_runs

    print(compare_runs(runs))
    return 0


def demo(values: flags.FlagValues) -> int:
    """Shows the whole method on handwritten digits."""
    seeds = [int(seed) for seed in values.seeds if re.fullmatch("[0-9]+", seed)]
    if not seeds or len(set(seeds)) < len(values.seeds):
        raise ConfigError(f"--seeds must be different whole numbers between commas; got {','.join(values.seeds)}.")
    from ccp.runs import StopRequest
    from evaluate.demo import run_demo
    from evaluate.experiment import make_deterministic

    make_deterministic()
    with StopRequest() as stop:
        try:
            print(run_demo(values.run_dir, seeds, stop))
        except Interrupted as interruption:
            print(f"{interruption} The same command goes on from there.", file=sys.stderr)
            return EXIT_BY_SIGNAL + stop.signal
    return 0


def _train_flags(values: flags.FlagValues) -> None:
    define_settings(values)
    flags.DEFINE_string(
        "run_dir", None, "the run's directory (default: runs/ and a name made of data set, loss and seed)", values
    )


def _run_flag(values: flags.FlagValues) -> None:
    flags.DEFINE_string("run_dir", None, "directory of the run (needed)", values)
    flags.DEFINE_string("data_dir", None, "where the data set's files are, if they have moved since", values)


def _evaluate_flags(values: flags.FlagValues) -> None:
    _run_flag(values)
    flags.DEFINE_enum("part", "test", ["test", "validation"], "which images to judge on (default: test)", values)


def _export_flags(values: flags.FlagValues) -> None:
    _run_flag(values)
    flags.DEFINE_string("export_dir", None, "where to write the SavedModel (needed)", values)


def _embed_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("model", None, "directory of the exported model (needed)", values)
    flags.DEFINE_string("images", None, "directory, searched in depth, or pattern of image files (needed)", values)
    flags.DEFINE_string("output", None, "the .npz file to write (needed)", values)
    flags.DEFINE_enum(
        "on_error",
        "stop",
        ["stop", "skip"],
        "at an image that cannot be read: stop, or skip and report (default: stop)",
        values,
    )


def _demo_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("run_dir", os.path.join("runs", "demo"), "where to keep it all (default: runs/demo)", values)
    flags.DEFINE_list("seeds", ["0"], "seeds to run, separated by commas (default: 0)", values)


COMMANDS = {
    "train": Command("train a network, with CCP or without, and judge it on unseen classes", _train_flags, train),
    "evaluate": Command("judge the best weights of a run", _evaluate_flags, evaluate),
    "export": Command("write the best weights of a run as a SavedModel for serving", _export_flags, export),
    "embed": Command("embed image files with an exported model into an .npz file", _embed_flags, embed),
    "compare": Command("show the test scores of finished runs in one table", lambda values: None, compare, "RUN …"),
    "demo": Command("everything at once on handwritten digits, in about half a minute", _demo_flags, demo),
}


def main(arguments: list[str]) -> int:
    """Runs a command line and returns its exit code."""
    try:
        code = _run(arguments)
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


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in HELP_WORDS:
        print(_overview())
        return 0 if arguments else EXIT_USAGE
    word, *rest = arguments
    if word.startswith("-"):
        raise ConfigError(f"A command word comes first ({', '.join(COMMANDS)}); got {word}.")
    refuse_unknown([word], COMMANDS, "command")
    values = _flag_values(word)
    if any(argument in HELP_WORDS for argument in rest):
        usage = f"main.py {word} {COMMANDS[word].operands}".rstrip()
        print(f"{usage}: {COMMANDS[word].about}\n\n{_flag_table(values)}")
        return 0
    operands = _parse(word, values, rest)
    _quieten(values.verbosity)
    return COMMANDS[word].run(values, *([operands] if COMMANDS[word].operands else []))


def _flag_values(word: str) -> flags.FlagValues:
    values = flags.FlagValues()
    COMMANDS[word].define_flags(values)
    flags.DEFINE_integer("verbosity", 0, "1 also shows what TensorFlow has to say (default: 0)", flag_values=values)
    return values


def _parse(word: str, values: flags.FlagValues, arguments: list[str]) -> list[str]:
    """Fills in the flags and returns the operands, which only some commands take."""
    try:
        _, *left_over = values([word, *arguments])
    except flags.UnrecognizedFlagError as error:
        elsewhere = [other for other in COMMANDS if error.flagname in _flag_values(other)]
        if elsewhere:
            raise ConfigError(f"--{error.flagname} is a flag of {', '.join(elsewhere)}, not of {word}.") from error
        refuse_unknown([error.flagname], list(values), f"flag of main.py {word}:")
        raise
    for name in values:
        if values[name].help.endswith("(needed)") and not values[name].value:
            raise ConfigError(f"main.py {word} needs --{name}: {values[name].help[: -len(' (needed)')]}.")
    if COMMANDS[word].operands and not left_over:
        raise ConfigError(f"main.py {word} needs {COMMANDS[word].operands}.")
    if left_over and not COMMANDS[word].operands:
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


def _overview() -> str:
    commands = "\n".join(f"  {word:<10}{command.about}" for word, command in COMMANDS.items())
    return (
        f"{__doc__.splitlines()[0]}\n\nusage: main.py COMMAND --flag=value …\n\n{commands}\n\n"
        "main.py COMMAND --help lists a command's flags. A first run:\n"
        "  main.py train --dataset=digits --loss=ccp/contrastive"
    )


def _flag_table(values: flags.FlagValues) -> str:
    lines = []
    for name in values:
        about = textwrap.wrap(values[name].help, 84)
        lines.append(f"  --{name:<24}{about[0]}")
        lines += [" " * 28 + line for line in about[1:]]
    return "\n".join(lines)


def _note_unfinished(progress) -> None:
    if not progress["finished"]:
        print(f"The run is not finished; these are the best weights of its first {progress['epochs']} epochs.")


def _listing(entries) -> str:
    return "\n".join(f"{what + ':':<10}{value}" for what, value in entries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
