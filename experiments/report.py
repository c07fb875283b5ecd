"""The report of runs: what is on their disk, and their best weights, gathered and written as a page."""

from __future__ import annotations

import logging
import os
import pathlib
from collections.abc import Sequence

from ccp.errors import UserError
from datasets.files import OutputError, read_json, save_json, save_text
from evaluate.geometry import normalized
from evaluate.report.facts import CrossValidation, Evaluation, Report, RunFacts
from evaluate.report.page import render
from experiments.found_directories import find_directories
from experiments.mlrc_directory import MlrcDirectory
from experiments.mlrc_scores import mlrc_rows
from experiments.projection_records import read_projections
from experiments.restored import restore_run
from experiments.run_directory import RunDirectory
from experiments.setting_groups import SettingGroup, setting_groups, setting_rows
from experiments.settings import Settings
from experiments.start_rows import start_rows

_MAX_TRAINING_EXAMPLES = 1000

_log = logging.getLogger("ccp")


def write_report(
    run_dirs: Sequence[str], output: str | None = None, data_dir: str | None = None, tsne: bool = False
) -> pathlib.Path:
    """Writes the report of one run, or of several side by side.

    Runs that differ in nothing but the seed are one row, of means; the figures are those of the first one.

    Runs with a damaged ``result.json`` are left out with a warning.

    Beside the page ``index.html``, which holds all that it shows, are its figures as PNG files and ``numbers.json``.

    Args:
      run_dirs: of the runs, finished or not, or of 4-fold protocols; or patterns of them.
      output: directory to write into; None for ``report/`` in the first directory.
      data_dir: where the runs' data are now, if they have moved.
      tsne: draw embeddings by t-SNE instead of their principal components.

    Returns:
      The page.

    Raises:
      UserError: there is no run, its data cannot be read, or the page cannot be written.
    """
    found = find_directories(run_dirs)
    runs, protocols = _runs_in(found, some_matched=not all(map(os.path.isdir, run_dirs)))
    groups = setting_groups(runs)
    folder = _made_folder(pathlib.Path(output or os.path.join(found[0], "report")))
    facts = [one for group in groups for one in _gather_group(group, data_dir)]
    digests = {run.data_digest for run in runs} - {""}
    report = Report(
        facts,
        setting_rows(groups),
        different_data=len(digests) > 1 or len({run.dataset for run in facts}) > 1,
        tsne=tsne,
        protocols=protocols,
    )
    save_text(folder / "index.html", render(report, folder / "figures"))
    save_json(folder / "numbers.json", [run.numbers() for run in facts])
    return folder / "index.html"


def _runs_in(paths: Sequence[str], some_matched: bool) -> tuple[list[RunDirectory], list[CrossValidation]]:
    """The runs in directories, also those of protocols, and the scores of the protocols.

    Args:
      paths: the directories.
      some_matched: a pattern, which may match other things, too.
    """
    runs, protocols = [], []
    for path in paths:
        directory = MlrcDirectory(path)
        if not directory.exists:
            runs.append(RunDirectory(path))
            continue
        runs += directory.runs()
        result = directory.load_result() if _is_readable(directory.result) else None
        if result is not None:
            protocols.append(CrossValidation(path, result["repeats"], mlrc_rows(result)))
    runs = [run for run in runs if _is_readable(run.result)]
    if some_matched:
        others = [str(run.path) for run in runs if not run.settings.exists()]
        if others:
            _log.warning("left out what is no run: %s", ", ".join(others))
        runs = [run for run in runs if run.settings.exists()]
    if not runs:
        raise UserError("A report needs at least one run; pass directories that main.py train has written.")
    return runs, protocols


def _is_readable(result: pathlib.Path) -> bool:
    """Whether a result, if there is one, is whole; warns if it is not."""
    try:
        if result.exists():
            read_json(result)
    except OutputError as error:
        _log.warning("left out: %s", error)
        return False
    return True


def _gather_group(group: SettingGroup, data_dir: str | None) -> list[RunFacts]:
    """The runs of a group; one of them, a finished one if there is any, is evaluated for the figures."""
    with_weights = [run for run in group.runs if run.has_checkpoint]
    shown = next((run for run in with_weights if run.has_result), (with_weights or [None])[0])
    return [
        _gather(run, settings, group, group.run_name(place), _evaluate(run, data_dir) if run is shown else None)
        for place, (run, settings) in enumerate(zip(group.runs, group.settings))
    ]


def _gather(
    run: RunDirectory, settings: Settings, group: SettingGroup, name: str, evaluation: Evaluation | None
) -> RunFacts:
    result = read_json(run.result) if run.has_result else None
    return RunFacts(
        name,
        os.fspath(run.path),
        dataset=settings.data.dataset,
        network=f"{settings.network.backbone}, {settings.network.embedding_size} dimensions",
        seed=settings.run.seed,
        monitor=settings.loop.monitor,
        records=run.records(),
        projections=read_projections(run),
        evaluation=evaluation,
        setting=group.name,
        result=result,
        before_training=start_rows(run.load_before_training()),
        note=(result and result["no_projection"]) or "",
    )


def _evaluate(run: RunDirectory, data_dir: str | None) -> Evaluation:
    restored = restore_run(run.path, data_dir)
    test = restored.embed()
    training = restored.experiment.embed_spread(restored.experiment.splits.train, _MAX_TRAINING_EXAMPLES)
    description = read_json(run.result) if run.has_result else restored.describe()
    return Evaluation(
        description["data"],
        description["protocol"],
        restored.trainer.progress.best_epoch,
        test,
        restored.experiment.splits.classes_of("test"),
        training,
        None if restored.proxies is None else normalized(restored.proxies),
    )


def _made_folder(folder: pathlib.Path) -> pathlib.Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The report cannot be written to {folder} ({error.strerror}); pass another place.") from error
    return folder
