"""The whole method on handwritten digits, in one go."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from evaluate.figures import draw_curves, draw_projections, draw_radii, save
from evaluate.geometry import geometry_by_projection
from evaluate.metrics.table import score_table
from experiments.before_training import UNTRAINED
from experiments.presets import preset_settings
from experiments.projection_records import read_projections
from experiments.restored import restore_run
from experiments.run_directory import RunDirectory
from experiments.stopping import NEVER, StopRequest
from experiments.train import train_run
from models.serving.export import export
from models.serving.exported_model import INFO_FILE
from models.serving.network import EmbeddingNetwork
from models.serving.versions import ExportError, check_export_directory

BASE_LOSS = "contrastive"
CCP_LOSS = "ccp/contrastive"


def run_demo(directory: str, seeds: Sequence[int], should_stop: StopRequest = NEVER) -> str:
    """Trains the base loss and CCP on digits 0–4, evaluates both on 5–9, draws, exports, and summarises.

    Args:
      directory: where everything is kept; what is finished there is not repeated.
      seeds: one training of each loss per seed.
      should_stop: stops it.

    Returns:
      The text to show.

    Raises:
      ExportError: the model's directory holds something else.
    """
    home = pathlib.Path(directory)
    model_dir = home / "model"
    if model_dir.exists() and not (model_dir / "1" / INFO_FILE).exists():  # Not an earlier demo's: kept.
        raise ExportError(f"{model_dir} holds something else than a model of the demo; pass another --output_dir.")
    check_export_directory(model_dir)
    scores: dict[str, list] = {UNTRAINED: [], BASE_LOSS: [], CCP_LOSS: []}
    for seed in seeds:
        for loss in (BASE_LOSS, CCP_LOSS):
            settings = preset_settings(dataset="digits", loss=loss, seed=seed)
            result = train_run(settings, _run_dir(home, loss, seed), f"{loss}, seed {seed}", should_stop)
            scores[loss].append(result["test"])
        scores[UNTRAINED].append(result["before_training"][UNTRAINED]["test"])  # Of both losses.

    restored = restore_run(_run_dir(home, CCP_LOSS, seeds[0]))
    projections = read_projections(restored.run)
    measured = geometry_by_projection(projections)
    records = {BASE_LOSS: RunDirectory(_run_dir(home, BASE_LOSS, seeds[0])).records(), CCP_LOSS: restored.run.records()}
    class_names = [f"digit {name}" for name in restored.experiment.splits.train.class_names]
    figures = {
        "projections.png": draw_projections(projections, class_names),
        "covering_radius.png": draw_radii(measured),
        "curves.png": draw_curves(records, ("loss", restored.experiment.settings.loop.monitor)),
    }
    pictures = [save(figure, home / name) for name, figure in figures.items()]
    shutil.rmtree(model_dir / "1", ignore_errors=True)  # Other versions are not the demo's.
    info = {**restored.describe(), **restored.progress}
    network = EmbeddingNetwork(restored.experiment.model, restored.experiment.format)
    export(network, network.signatures(), str(model_dir), info, version=1)
    seed_text = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean ± deviation over {len(seeds)} seeds"
    return "\n".join(
        [
            "",
            f"Retrieval on digits 5–9, never seen in training (%, {seed_text}):",
            score_table(scores),
            "",
            "Covering radius of the training classes by their proxies, mean over classes:",
            _radius_table(measured),
            "",
            *(f"picture:  {path}" for path in pictures),
            f"model:    {model_dir} (SavedModel for serving)",
            f"runs:     {', '.join(str(_run_dir(home, loss, s)) for s in seeds for loss in (BASE_LOSS, CCP_LOSS))}",
        ]
    )


def _run_dir(home: pathlib.Path, loss: str, seed: int) -> pathlib.Path:
    return home / f"{loss.replace('/', '-')}-seed{seed}"


def _radius_table(measured: Sequence[Mapping[str, Any]]) -> str:
    lines = ["  projection   by the proxies before   by the new ones"]
    for numbers in measured:
        name = str(numbers["projection"] or "start")
        before = numbers["radius_by_previous_proxies"]
        before = "–" if before is None else f"{before:.3f}"
        lines.append(f"  {name:>10}{before:>24}{numbers['radius_by_proxies']:>18.3f}")
    return "\n".join(lines)
