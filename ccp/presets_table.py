"""The presets as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ccp.config import BACKBONES, Config, configure
from ccp.loss_names import PROXY_BASELINES, PROXY_LOSSES
from ccp.paper_settings import CONVENTIONAL, LOSS_NUMBERS, PAPER, XBM_BATCHES
from ccp.presets import FROM_SCRATCH, preset, preset_config, preset_name

_TITLES = {"cub": "CUB", "cars196": "Cars196", "inshop": "In-Shop", "sop": "SOP"}
_OF_DATASET = (
    "backbone",
    "freeze_bn",
    "pooling",
    "embedding_size",
    "optimizer",
    "learning_rate",
    "learning_rate_schedule",
    "plateau_epochs",
    "plateau_factor",
    "min_learning_rate",
    "weight_decay",
    "clip_norm",
    "clip_value",
    "classes_per_batch",
    "examples_per_class",
    "steps_per_epoch",
    "max_epochs",
    "early_stopping",
    "monitor",
    "validation",
    "select_on_test",
)
_OF_METHOD = {
    "ccp": (
        "proxies_per_class",
        "pool_size",
        "batch_weight",
        "proxy_weight",
        "patience",
        "proximal_weight",
        "proximal_decay",
        "proxy_rate_multiplier",
        "warm_up_epochs",
    ),
    "xbm": ("memory_batches", "memory_start_step"),
    "proxy": (
        "classes_per_batch",
        "examples_per_class",
        "proxies_per_class",
        "proxy_rate_multiplier",
        "warm_up_epochs",
    ),
}
_WIDTH = 110
_ONLY_ON_A_PLATEAU = ("plateau_epochs", "plateau_factor", "min_learning_rate")


def all_presets() -> str:
    """The paper's settings as tables: per data set under both protocols, per method, per loss; and the small ones."""
    blocks = [
        *(_of_datasets(conventional) for conventional in (False, True)),
        _of_methods(),
        _of_losses(),
        _small(),
        "All settings of one training: main.py presets --dataset=cub --loss=ccp/contrastive [--conventional]",
    ]
    return "\n\n".join(blocks)


def one_preset(chosen: Mapping[str, Any]) -> str:
    """Every setting of one training, section by section; what is no default of the project's is marked."""
    config = preset_config(**chosen)
    lines = [f"{config.data.dataset}, {config.loss.loss} ({preset_name(config)}); * is not the project's default"]
    usual = _flat(configure({"loss": config.loss.loss}))
    for section, values in config.to_dict().items():
        lines += ["", section]
        for name, value in {**values, **values.get("settings", {})}.items():
            if name != "settings":
                mark = "*" if usual[name] != value else " "
                lines.append(f"  {mark} {name:<24}{_shown(value)}")
    return "\n".join(lines)


def _of_datasets(conventional: bool) -> str:
    settings = {d: _flat(preset_config(dataset=d, loss="ccp/contrastive", conventional=conventional)) for d in PAPER}
    names = [name for name in _OF_DATASET if conventional or name not in _ONLY_ON_A_PLATEAU]
    rows = [(name, [_shown(settings[dataset][name]) for dataset in PAPER]) for name in names]
    title = "conventional: one model, selected by its test scores" if conventional else "MLRC: four folds, four models"
    text = f"The paper, {title}\n{_table(rows)}"
    if conventional:
        other = CONVENTIONAL["backbone"]["resnet50"]
        text += "\nwith resnet50: " + ", ".join(f"{name} {_shown(value)}" for name, value in other.items())
    return text


def _of_methods() -> str:
    blocks = []
    losses = {"ccp": "ccp/contrastive", "xbm": "xbm/contrastive", "proxy": "proxy_anchor"}
    for method, names in _OF_METHOD.items():
        settings = {dataset: _flat(preset_config(dataset=dataset, loss=losses[method])) for dataset in PAPER}
        rows = [(name, [_shown(settings[dataset][name]) for dataset in PAPER]) for name in names]
        heading = {
            "ccp": "CCP, alone and with XBM",
            "xbm": "XBM, alone and with CCP",
            "proxy": f"Proxies that stay ({', '.join(f'{name}/…' for name in PROXY_BASELINES)}; "
            f"{', '.join(PROXY_LOSSES)})",
        }[method]
        if method == "xbm":
            rows.append(("  its small memory", [_shown(XBM_BATCHES[dataset][0]) for dataset in PAPER]))
        if method == "proxy":
            centers = [_shown(preset({"dataset": d, "loss": "soft_triple"})["proxies_per_class"]) for d in PAPER]
            rows.append(("  soft_triple's", centers))
            batch = [
                _shown(preset({"dataset": d, "loss": "proxy_anchor", "conventional": True})["classes_per_batch"])
                for d in PAPER
            ]
            rows.append(("  conventional classes", batch))
        blocks.append(f"{heading}\n{_table(rows)}")
    return "\n\n".join(blocks)


def _of_losses() -> str:
    rows = [
        (f"{loss} {name}", [_shown(numbers[dataset][name]) for dataset in PAPER])
        for loss, numbers in LOSS_NUMBERS.items()
        for name in numbers["cub"]
    ]
    return f"Pair losses\n{_table(rows)}"


def _small() -> str:
    lines = [
        "Small, from scratch: other data sets, and --backbone=conv4 or resnet20",
        *(
            textwrap.fill(
                ", ".join(f"{name} {_shown(value)}" for name, value in settings.items()),
                width=_WIDTH,
                initial_indent=f"  {dataset:<10}",
                subsequent_indent=" " * 12,
            )
            for dataset, settings in FROM_SCRATCH.items()
        ),
        "",
        textwrap.fill(f"Networks: {', '.join(BACKBONES)}", width=_WIDTH, subsequent_indent=" " * 10),
    ]
    return "\n".join(lines)


def _flat(config: Config) -> dict[str, Any]:
    flat = {name: value for section in config.to_dict().values() for name, value in section.items()}
    own = flat.pop("settings")
    return {**flat, **own}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value) or "–"


def _table(rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    lines = [" " * 28 + "".join(f"{_TITLES[dataset]:>16}" for dataset in PAPER)]
    lines += [f"  {name:<26}" + "".join(f"{cell:>16}" for cell in cells) for name, cells in rows]
    return "\n".join(lines)
