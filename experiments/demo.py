"""The whole method on handwritten digits, in one go."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Sequence

from evaluate.figures import draw_curves, draw_projections, draw_radii, save
from evaluate.geometry import radii_by_projection
from evaluate.metrics.table import score_table
from experiments.experiment import Experiment, train_run
from experiments.presets import preset_settings
from experiments.projection_records import read_projections
from experiments.restored import restored_experiment
from experiments.run_directory import RunDirectory
from experiments.settings import Settings
from models.serving.export import INFO_FILE, ExportError, export

BASE_LOSS = "contrastive"
CCP_LOSS = "ccp/contrastive"


def run_demo(directory: str, seeds: Sequence[int], should_stop: Callable[[], bool] = lambda: False) -> str:
    """Trains the base loss and CCP on digits 0–4, judges both on 5–9, draws, exports, and says what came out.

    Args:
      directory: where everything is kept; what is finished there is not done again.
      seeds: one training of each loss per seed.
      should_stop: see ``Trainer``.

    Returns:
      The text to show.

    Raises:
      ExportError: where the model is to be written, there is something else.
    """
    home = pathlib.Path(directory)
    model_dir = home / "model"
    if model_dir.exists() and not (model_dir / "1" / INFO_FILE).exists():  # Not an earlier demo's: kept.
        raise ExportError(f"{model_dir} holds something else than a model of the demo; pass another --run_dir.")
    run_dirs = [_run_dir(home, loss, seed) for seed in seeds for loss in (BASE_LOSS, CCP_LOSS)]
    scores: dict[str, list] = {"untrained network": [], BASE_LOSS: [], CCP_LOSS: []}
    for seed in seeds:
        scores["untrained network"].append(Experiment(_config(BASE_LOSS, seed)).judge())
        for loss in (BASE_LOSS, CCP_LOSS):
            title = f"{loss}, seed {seed}"
            result = train_run(_config(loss, seed), str(_run_dir(home, loss, seed)), title, should_stop)
            scores[loss].append(result["test"])

    first = RunDirectory(_run_dir(home, CCP_LOSS, seeds[0]))
    base = RunDirectory(_run_dir(home, BASE_LOSS, seeds[0]))
    experiment, progress = restored_experiment(str(first.path))
    projections = read_projections(first)
    records = {BASE_LOSS: base.records(), CCP_LOSS: first.records()}
    pictures = [
        save(
            draw_projections(projections, [f"digit {name}" for name in experiment.splits.train.class_names]),
            home / "projections.png",
        ),
        save(draw_radii(projections), home / "covering_radius.png"),
        save(draw_curves(records, experiment.settings.loop.monitor), home / "curves.png"),
    ]
    shutil.rmtree(model_dir, ignore_errors=True)
    export(experiment.model, experiment.format, str(model_dir), {**experiment.describe(), **progress})
    return "\n".join(
        [
            "",
            f"Retrieval on digits 5–9, never seen in training (%, {_seeds(seeds)}):",
            score_table(scores),
            "",
            "Covering radius of the training classes by their proxies, mean over classes:",
            _radius_table(radii_by_projection(projections)),
            "",
            *(f"picture:  {path}" for path in pictures),
            f"model:    {model_dir} (SavedModel for serving)",
            f"runs:     {', '.join(map(str, run_dirs))}",
        ]
    )


def _config(loss: str, seed: int) -> Settings:
    return preset_settings(dataset="digits", loss=loss, seed=seed)


def _run_dir(home: pathlib.Path, loss: str, seed: int) -> pathlib.Path:
    return home / f"{loss.replace('/', '-')}-seed{seed}"


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"mean ± deviation over {len(seeds)} seeds"


def _radius_table(radii) -> str:
    lines = ["  projection   by the proxies before   by the new ones"]
    for at in radii:
        name = "start" if at["projection"] == 0 else str(at["projection"])
        before = "–" if at["before"] != at["before"] else f"{at['before']:.3f}"
        lines.append(f"  {name:>10}{before:>24}{at['after']:>18.3f}")
    return "\n".join(lines)
