"""Deep metric learning with chance constraints (CCP): the command line.

One command word, then flags; ``main.py --help`` and ``main.py COMMAND --help`` list them. TensorFlow is
imported only once a command runs.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from absl import flags

from ccp import command_flags as flags_of
from ccp.command_line import EXIT_BY_SIGNAL, EXIT_FAILURE, Command, run_command_line
from ccp.config import Config, DataConfig, configure
from ccp.errors import ConfigError, Interrupted
from ccp.flags import given_data_settings, given_settings
from ccp.loss_names import refuse_unknown
from ccp.presets import DATASET_PRESETS

if TYPE_CHECKING:
    from ccp.runs import StopRequest

Result = TypeVar("Result")


def train(values: flags.FlagValues) -> int:
    """Trains a run, or goes on with one, and judges it."""
    config = _config(values)
    name = config.loss.loss
    run_dir = values.run_dir or _default_run_dir(config, f"seed{config.loop.seed}")

    from evaluate.experiment import train_run
    from evaluate.report import draw_run, score_table

    result = _until_stopped(lambda stop: train_run(config, run_dir, name, stop))
    print(score_table({f"{name}, unseen classes": result["test"]}))
    _note_unreadable(result, run_dir)
    print(_listing([("run", run_dir), *(("figure", path) for path in draw_run(run_dir))]))
    return 0


def mlrc(values: flags.FlagValues) -> int:
    """Trains four folds, several times, and judges the models singly and joined."""
    if values["validation"].present:
        raise ConfigError("main.py mlrc holds out each of four folds in turn; leave --validation out.")
    if values.repeats < 1:
        raise ConfigError(f"--repeats must be at least 1; got {values.repeats}.")
    config = _config(values)
    run_dir = values.run_dir or _default_run_dir(config, "mlrc")

    from evaluate.mlrc import RESULT_FILE, mlrc_table, run_mlrc

    result = _until_stopped(lambda stop: run_mlrc(config, run_dir, values.repeats, stop))
    print(mlrc_table(result))
    _note_unreadable(result, os.path.join(run_dir, "fold*"))
    print(_listing([("result", os.path.join(run_dir, RESULT_FILE))]))
    return 0


def evaluate(values: flags.FlagValues) -> int:
    """Judges the best weights of a run."""
    from ccp.runs import RunDirectory
    from evaluate.experiment import restored_experiment
    from evaluate.judgement import write_judgement
    from evaluate.report import score_table

    experiment, progress = restored_experiment(values.run_dir, values.data_dir, values.on_bad_image)
    folder = RunDirectory(values.run_dir).path
    result, files = write_judgement(experiment, values.part, folder, progress, values.clustering)
    print(score_table({f"{experiment.config.loss.loss}, {values.part}": result["scores"]}))
    _note_unfinished(progress)
    _note_unreadable(result, values.run_dir)
    print(_listing([("result", path) for path in files]))
    return 0


def export(values: flags.FlagValues) -> int:
    """Writes the best weights of a run as a SavedModel."""
    from evaluate.experiment import describe, restored_experiment
    from models.export import export as export_model

    experiment, progress = restored_experiment(values.run_dir, values.data_dir, values.on_bad_image)
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


def search(values: flags.FlagValues) -> int:
    """Finds a gallery's images that are nearest to others."""
    if values.top < 1:
        raise ConfigError(f"--top must be at least 1; got {values.top}.")
    from evaluate.search_images import draw_answers, search_images

    result = search_images(
        values.model,
        values.gallery,
        values.query,
        values.top,
        values.index,
        values.engine,
        skip_unreadable=values.on_error == "skip",
    )
    for path, reason in result.skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    for answer in result.answers:
        print(f"{answer.query}\n" + "\n".join(f"  {d:.4f}  {p}" for d, p in zip(answer.distances, answer.paths)))
    drawn = [("picture", draw_answers(result, values.output))] if values.output else []
    searched = f"{result.num_images} images, {result.reused} of them embedded before, {len(result.skipped)} skipped"
    print(_listing([("searched", searched), *drawn]))
    return 0


def report(values: flags.FlagValues, runs: list[str]) -> int:
    """Writes a page about runs."""
    from evaluate.page.write import write_report

    print(_listing([("report", write_report(runs, values.output, values.data_dir, values.tsne))]))
    return 0


def compare(values: flags.FlagValues, runs: list[str]) -> int:
    """Shows the scores of finished runs in one table."""
    from evaluate.compare import collect
    from evaluate.comparison_table import STYLES

    print(STYLES[values.format](collect(runs)).rstrip("\n"))
    return 0


def prepare(values: flags.FlagValues) -> int:
    """Unpacks a benchmark's archives."""
    from datasets.preparation.prepare import prepare as prepare_dataset

    done = prepare_dataset(
        values.dataset, values.data_dir, values.archive or (), values.url or (), any_checksum=values.any_checksum
    )
    print("\n".join(done))
    print(f"next:     main.py validate --dataset={values.dataset} --data_dir={values.data_dir}")
    return 0


def validate(values: flags.FlagValues) -> int:
    """Compares a data set with what it should be, and reads every image."""
    given = given_data_settings(values)
    if "dataset" not in given:
        raise ConfigError(f"main.py validate needs --dataset: one of {', '.join(DATASET_PRESETS)}.")
    refuse_unknown([given["dataset"]], DATASET_PRESETS, "data set")
    from datasets.preparation.validation import validate as validate_dataset

    report = validate_dataset(DataConfig(**given), values.images)
    print(report.text)
    return 0 if report.as_expected else EXIT_FAILURE


def demo(values: flags.FlagValues) -> int:
    """Shows the whole method on handwritten digits."""
    seeds = [int(seed) for seed in values.seeds if re.fullmatch("[0-9]+", seed)]
    if not seeds or len(set(seeds)) < len(values.seeds):
        raise ConfigError(f"--seeds must be different whole numbers between commas; got {','.join(values.seeds)}.")
    from evaluate.demo import run_demo

    print(_until_stopped(lambda stop: run_demo(values.run_dir, seeds, stop)))
    return 0


def _config(values: flags.FlagValues) -> Config:
    given = given_settings(values)
    dataset = given.setdefault("dataset", "digits")
    refuse_unknown([dataset], DATASET_PRESETS, "data set")
    for place in ("data_dir", "manifest"):  # Runs are looked at from anywhere.
        if given.get(place):
            given[place] = os.path.abspath(given[place])
    return configure(DATASET_PRESETS[dataset], given)


def _default_run_dir(config: Config, last: str) -> str:
    return os.path.join("runs", f"{config.data.dataset}-{config.loss.loss.replace('/', '-')}-{last}")


def _until_stopped(work: Callable[[StopRequest], Result]) -> Result:
    """Does long work that can be stopped and gone on with, and computes the same bits every time."""
    from ccp.runs import StopRequest
    from evaluate.experiment import make_deterministic

    make_deterministic()
    with StopRequest() as stop:
        try:
            return work(stop)
        except Interrupted as interruption:
            print(f"{interruption} The same command goes on from there.", file=sys.stderr)
            raise SystemExit(EXIT_BY_SIGNAL + stop.signal) from None


COMMANDS = {
    "train": Command("train a network, with CCP or without, and judge it on unseen classes", flags_of.train, train),
    "mlrc": Command("the 4-fold protocol: train and judge four folds, several times", flags_of.mlrc, mlrc),
    "evaluate": Command("judge the best weights of a run", flags_of.evaluate, evaluate),
    "export": Command("write the best weights of a run as a SavedModel for serving", flags_of.export, export),
    "embed": Command("embed image files with an exported model into an .npz file", flags_of.embed, embed),
    "search": Command("find a gallery's images that are nearest to others", flags_of.search, search),
    "report": Command("write a page with pictures about one run or several", flags_of.report, report, "RUN …"),
    "prepare": Command("check and unpack the archives of a benchmark data set", flags_of.prepare, prepare),
    "validate": Command("compare a data set with what it should be, and read every image", flags_of.validate, validate),
    "compare": Command("show the test scores of finished runs in one table", flags_of.compare, compare, "RUN …"),
    "demo": Command("everything at once on handwritten digits, in about a minute", flags_of.demo, demo),
}


def main(arguments: list[str]) -> int:
    """Runs a command line and returns its exit code."""
    commands = "\n".join(f"  {word:<10}{command.about}" for word, command in COMMANDS.items())
    overview = (
        f"{__doc__.splitlines()[0]}\n\nusage: main.py COMMAND --flag=value …\n\n{commands}\n\n"
        "main.py COMMAND --help lists a command's flags. A first run:\n"
        "  main.py train --dataset=digits --loss=ccp/contrastive"
    )
    return run_command_line(arguments, COMMANDS, overview)


def _note_unreadable(result, run_dir) -> None:
    count = result["data"]["unreadable_images_left_out"]
    if count:
        print(f"{count} images could not be read and were left out; {run_dir}/bad_images.jsonl lists them.")


def _note_unfinished(progress) -> None:
    if not progress["finished"]:
        print(f"The run is not finished; these are the best weights of its first {progress['epochs']} epochs.")


def _listing(entries) -> str:
    return "\n".join(f"{what + ':':<10}{value}" for what, value in entries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
