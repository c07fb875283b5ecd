"""Deep metric learning with chance constraints (CCP): the command line.

One command word, then flags; ``main.py --help`` and ``main.py COMMAND --help`` list them. TensorFlow is
imported only once a command runs.
"""

from __future__ import annotations

import os
import re
import sys

from absl import flags

from ccp.errors import ConfigError
from ccp.settings import refuse_unknown
from datasets.registry import DATA_SETS as DATASETS
from datasets.settings import DataSettings
from experiments.commands import command_flags as flags_of
from experiments.commands import serving_commands as serving
from experiments.commands.command_line import EXIT_FAILURE, Command, listing, run_command_line
from experiments.commands.serving_commands import note_unfinished
from experiments.commands.setting_flags import DATA_FLAGS, given_settings
from experiments.presets import preset
from experiments.settings import Settings, configure


def train(values: flags.FlagValues) -> int:
    """Trains a run, or goes on with one, and judges it; several with --repeat, as the original's command line does."""
    config = _config(values)
    if values.repeat is not None:
        return _repeat(config, values)
    name = config.loss.loss
    run_dir = values.run_dir or _default_run_dir(config, f"seed{config.run.seed}")

    from evaluate.metrics.table import score_table
    from experiments.experiment import train_run
    from experiments.run_figures import draw_run
    from experiments.stopping import until_stopped

    result = until_stopped(
        lambda stop: train_run(config, run_dir, name, stop), config.loop.jit_compile, config.run.strategy
    )
    print(score_table({f"{name}, unseen classes": result["test"]}))
    _note_unreadable(result, run_dir)
    print(listing([("run", run_dir), *(("figure", path) for path in draw_run(run_dir))]))
    return 0


def mlrc(values: flags.FlagValues) -> int:
    """Trains four folds, several times, and judges the models singly and joined."""
    if values["validation"].present:
        raise ConfigError("main.py mlrc holds out each of four folds in turn; leave --validation out.")
    if values.repeats < 1:
        raise ConfigError(f"--repeats must be at least 1; got {values.repeats}.")
    config = _config(values)
    if config.data.conventional:
        raise ConfigError("--conventional is another protocol, of one model: main.py train --conventional --repeat=3.")
    return _mlrc(config, values.run_dir, values.repeats)


def _repeat(config: Settings, values: flags.FlagValues) -> int:
    """The whole protocol: four folds, several times; or the conventional setting's one model, several times."""
    if values.repeat < 1:
        raise ConfigError(f"--repeat must be at least 1; got {values.repeat}.")
    if values["validation"].present:
        raise ConfigError("--repeat trains whole protocols, which say what is held out; leave --validation out.")
    if not config.data.conventional:
        return _mlrc(config, values.run_dir, values.repeat)

    from experiments.repeats import run_repeats
    from experiments.stopping import until_stopped

    home = values.run_dir or _default_run_dir(config, "conventional")
    print(
        until_stopped(
            lambda stop: run_repeats(config, home, values.repeat, stop), config.loop.jit_compile, config.run.strategy
        )
    )
    return 0


def _mlrc(config: Settings, run_dir: str | None, repeats: int) -> int:
    run_dir = run_dir or _default_run_dir(config, "mlrc")

    from experiments.mlrc import RESULT_FILE, mlrc_table, run_mlrc
    from experiments.stopping import until_stopped

    result = until_stopped(
        lambda stop: run_mlrc(config, run_dir, repeats, stop), config.loop.jit_compile, config.run.strategy
    )
    print(mlrc_table(result))
    _note_unreadable(result, os.path.join(run_dir, "fold*"))
    print(listing([("result", os.path.join(run_dir, RESULT_FILE))]))
    return 0


def convert(values: flags.FlagValues) -> int:
    """Turns the PyTorch checkpoint of BN-Inception into weights for --weights."""
    from models.weights.pytorch_checkpoint import convert_bn_inception

    left_out = convert_bn_inception(values.checkpoint, values.weights)
    print(listing([("weights", values.weights), *(("left out", name) for name in left_out)]))
    return 0


def evaluate(values: flags.FlagValues) -> int:
    """Judges the best weights of a run."""
    from evaluate.metrics.table import score_table
    from experiments.evaluation import write_judgement
    from experiments.restored import restored_experiment
    from experiments.run_directory import RunDirectory

    experiment, progress = restored_experiment(values.run_dir, values.data_dir, values.on_bad_image)
    folder = RunDirectory(values.run_dir).path
    result, files = write_judgement(experiment, values.part, folder, progress, values.clustering)
    print(score_table({f"{experiment.config.loss.loss}, {values.part}": result["scores"]}))
    note_unfinished(progress)
    _note_unreadable(result, values.run_dir)
    print(listing([("result", path) for path in files]))
    return 0


def report(values: flags.FlagValues, runs: list[str]) -> int:
    """Writes a page about runs."""
    from evaluate.report.write import write_report

    print(listing([("report", write_report(runs, values.output, values.data_dir, values.tsne))]))
    return 0


def compare(values: flags.FlagValues, runs: list[str]) -> int:
    """Shows the scores of finished runs in one table."""
    from experiments.compare import collect
    from experiments.comparison_table import STYLES

    print(STYLES[values.format](collect(runs)).rstrip("\n"))
    return 0


def prepare(values: flags.FlagValues) -> int:
    """Unpacks a benchmark's archives."""
    from datasets.prepare.prepare import prepare as prepare_dataset

    done = prepare_dataset(
        values.dataset, values.data_dir, values.archive or (), values.url or (), any_checksum=values.any_checksum
    )
    print("\n".join(done))
    print(f"next:     main.py validate --dataset={values.dataset} --data_dir={values.data_dir}")
    return 0


def validate(values: flags.FlagValues) -> int:
    """Compares a data set with what it should be, and reads every image."""
    given = given_settings(values, DATA_FLAGS)
    if "dataset" not in given:
        raise ConfigError(f"main.py validate needs --dataset: one of {', '.join(DATASETS)}.")
    refuse_unknown([given["dataset"]], DATASETS, "data set")
    from datasets.validation import validate as validate_dataset

    report = validate_dataset(DataSettings(**given), values.images)
    print(report.text)
    return 0 if report.as_expected else EXIT_FAILURE


def demo(values: flags.FlagValues) -> int:
    """Shows the whole method on handwritten digits."""
    seeds = [int(seed) for seed in values.seeds if re.fullmatch("[0-9]+", seed)]
    if not seeds or len(set(seeds)) < len(values.seeds):
        raise ConfigError(f"--seeds must be different whole numbers between commas; got {','.join(values.seeds)}.")
    from experiments.demo import run_demo
    from experiments.stopping import until_stopped

    print(until_stopped(lambda stop: run_demo(values.run_dir, seeds, stop)))
    return 0


def _config(values: flags.FlagValues) -> Settings:
    given = given_settings(values)
    dataset = given.setdefault("dataset", "digits")
    refuse_unknown([dataset], DATASETS, "data set")
    for place in ("data_dir", "manifest"):  # Runs are looked at from anywhere.
        if given.get(place):
            given[place] = os.path.abspath(given[place])
    if given.get("weights") not in (None, "none", "imagenet"):
        given["weights"] = os.path.abspath(given["weights"])
    return configure(preset(given), given)


def _default_run_dir(config: Settings, last: str) -> str:
    return os.path.join("runs", f"{config.data.dataset}-{config.loss.loss.replace('/', '-')}-{last}")


COMMANDS = {
    "train": Command("train a network, with CCP or without, and judge it on unseen classes", flags_of.train, train),
    "mlrc": Command("the 4-fold protocol: train and judge four folds, several times", flags_of.mlrc, mlrc),
    "convert": Command("turn the PyTorch checkpoint of BN-Inception into weights", flags_of.convert, convert),
    "evaluate": Command("judge the best weights of a run", flags_of.evaluate, evaluate),
    "export": Command("write the best weights of a run as a SavedModel for serving", flags_of.export, serving.export),
    "embed": Command("embed image files with an exported model into an .npz file", flags_of.embed, serving.embed),
    "search": Command("find a gallery's images that are nearest to others", flags_of.search, serving.search),
    "report": Command("write a page with pictures about one run or several", flags_of.report, report, "RUN …"),
    "prepare": Command("check and unpack the archives of a benchmark data set", flags_of.prepare, prepare),
    "validate": Command("compare a data set with what it should be, and read every image", flags_of.validate, validate),
    "compare": Command("show the test scores of finished runs in one table", flags_of.compare, compare, "RUN …"),
    "demo": Command("everything at once on handwritten digits, in about a minute", flags_of.demo, demo),
}


def main(arguments: list[str]) -> int:
    """Runs a command line and returns its exit code."""
    commands = "\n".join(f"  {word:<13}{command.about}" for word, command in COMMANDS.items())
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
