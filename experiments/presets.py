"""Settings that go with a data set, a loss and a protocol, where they differ from the defaults in ``experiments.settings``.

Two kinds: the paper's (arXiv 2209.09060, its supplement on implementation) for its four data sets and a pretrained
backbone, and small ones that train from scratch. Free of TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS, hyperparameters_of, parse_loss
from experiments.paper_settings import (
    CONVENTIONAL,
    LOSS_NUMBERS,
    MDR_WEIGHTS,
    MLRC,
    PAPER,
    PROXY_BASELINE,
    SOFT_TRIPLE_CENTERS,
    XBM_BATCHES,
    largest_batch,
)
from experiments.settings import LossSettings, Settings, all_hyperparameters, all_settings, configure
from models.registry import BACKBONES

_WRITING = {
    # A quarter of a written character may be cut off; a mirrored one is another character.
    "min_crop_area": 0.75,
    "max_crop_aspect": 1.15,
    "flip": False,
}
_SMALL_PICTURES = {"image_size": 28, "learning_rate": 1e-3, "steps_per_epoch": 50, "max_epochs": 60}
_PHOTOGRAPHS = {"image_size": 64, "learning_rate": 1e-3, "steps_per_epoch": 50, "max_epochs": 200}

FROM_SCRATCH = {
    "digits": {
        **_WRITING,
        "image_size": 16,
        "width": 32,
        "embedding_size": 16,
        "learning_rate": 1e-3,
        "classes_per_batch": 5,
        "examples_per_class": 6,
        "steps_per_epoch": 10,
        "max_epochs": 60,
        "early_stopping": 20,
        "proxies_per_class": 4,
        "pool_size": 12,
        "memory_start_step": 50,
        "validation": "images",
    },
    "omniglot": {**_WRITING, **_SMALL_PICTURES, "validation": "fold1"},
    "mnist": {**_WRITING, **_SMALL_PICTURES, "classes_per_batch": 5, "examples_per_class": 6, "validation": "images"},
    "cifar10": {**_SMALL_PICTURES, "image_size": 32, "classes_per_batch": 5, "validation": "images"},
    "cifar100": {**_SMALL_PICTURES, "image_size": 32, "validation": "fold1"},
    "cub": {**_PHOTOGRAPHS, "validation": "fold1"},
    "cars196": {**_PHOTOGRAPHS, "validation": "fold1"},
    "sop": {**_PHOTOGRAPHS, "steps_per_epoch": 250, "validation": "fold1"},
    "inshop": {**_PHOTOGRAPHS, "steps_per_epoch": 250, "validation": "fold1"},
    "folder": _PHOTOGRAPHS,
    "csv": _PHOTOGRAPHS,
}


def preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that go with what was chosen.

    Args:
      given: the settings chosen so far; ``dataset``, ``loss``, ``backbone`` and ``conventional`` matter here.

    Returns:
      Flat settings for ``configure``, with the pair loss's own numbers among them.

    Raises:
      ConfigError: the loss is unknown, or the paper's conventional setting is asked for where it has none.
    """
    dataset = given.get("dataset", Settings().data.dataset)
    method, pair_loss = parse_loss(given.get("loss", LossSettings().loss))
    backbone = given.get("backbone", "bn_inception" if dataset in PAPER else "conv4")
    settings = {"backbone": backbone, **PAPER.get(dataset, {}), **LOSS_NUMBERS.get(pair_loss, {}).get(dataset, {})}
    if dataset in PAPER:
        settings.update(memory_batches=XBM_BATCHES[dataset][1], distance_weight=MDR_WEIGHTS[dataset])
    on_paper = dataset in PAPER and BACKBONES[backbone].pretrained
    if given.get("conventional") and not on_paper:
        raise ConfigError(
            f"--conventional is a setting of the paper, for {', '.join(PAPER)} and a pretrained network; got {dataset} "
            f"with {backbone}. Leave it out."
        )
    if on_paper:
        settings.update(_paper(dataset, backbone, method, bool(given.get("conventional"))))
        if given.get("validation", "test") != "test":  # Something else is held out, so nothing looks at the test set.
            settings.pop("select_on_test", None)
    else:
        settings.update(_small(dataset, backbone))
    if _trains_proxies(method) and PAIR_LOSSES[pair_loss].against_proxies:
        settings["proxies_per_class"] = SOFT_TRIPLE_CENTERS if pair_loss == "soft_triple" else 1
    return {name: value for name, value in settings.items() if _applies(name, given.get("loss", LossSettings().loss))}


def _paper(dataset: str, backbone: str, method: str, conventional: bool) -> dict[str, Any]:
    settings = dict(MLRC)
    if conventional:
        settings.update(CONVENTIONAL["every"], **CONVENTIONAL["dataset"][dataset])
        settings.update(CONVENTIONAL["backbone"].get(backbone, {}))
    if _trains_proxies(method):
        batch = settings["classes_per_batch"] * settings["examples_per_class"]
        settings.update(PROXY_BASELINE, classes_per_batch=largest_batch(dataset, batch, conventional))
    return settings


def _small(dataset: str, backbone: str) -> dict[str, Any]:
    settings = dict(FROM_SCRATCH[dataset])
    if backbone != "conv4":  # Each has a size and a width of its own.
        settings.pop("width", None)
        settings.pop("image_size", None)
    if BACKBONES[backbone].pretrained:  # What is learned already is changed slowly.
        settings.update(freeze_bn=True, learning_rate=MLRC["learning_rate"])
    return settings


def preset_config(**chosen: Any) -> Settings:
    """The whole configuration of a preset; see ``preset``."""
    return configure(preset(chosen), chosen)


def expected(config: Settings) -> dict[str, Any]:
    """What every setting is for a configuration's data set, loss, protocol and backbone if nothing else is said.

    The backbone's own entry is the preset's, whatever the configuration has.
    """
    chosen = {"dataset": config.data.dataset, "loss": config.loss.loss, "conventional": config.data.conventional}
    return {
        **preset_config(**chosen, backbone=config.network.backbone).flat(),
        "backbone": preset(chosen)["backbone"],
    }


def overridden(config: Settings) -> dict[str, dict[str, Any]]:
    """What departs from the preset, by setting: ``{"preset": …, "here": …}``."""
    usual = expected(config)
    meant = {name for name, described in all_settings().items() if not described.in_preset}
    if _starts_as_meant(config):
        meant.add("weights")
    return {
        name: {"preset": usual[name], "here": value}
        for name, value in config.flat().items()
        if value != usual[name] and name not in meant and not _both_folds(name, value, usual)
    }


def preset_name(config: Settings) -> str:
    """What a configuration's preset is: the paper's of one of its protocols, or a small one."""
    if config.data.dataset not in PAPER or not BACKBONES[config.network.backbone].pretrained:
        return "small, pretrained" if BACKBONES[config.network.backbone].pretrained else "small, from scratch"
    return "paper, conventional" if config.data.conventional else "paper, MLRC"


def _starts_as_meant(config: Settings) -> bool:
    """Networks that are meant to be pretrained start from weights, of whatever file; the others do not."""
    return (config.network.weights != "none") == (BACKBONES[config.network.backbone].pretrained)


def _both_folds(name: str, value: Any, usual: Mapping[str, Any]) -> bool:
    """The protocol's folds are one setting."""
    return name == "validation" and value.startswith("fold") and usual[name].startswith("fold")


def _applies(name: str, loss: str) -> bool:
    return name not in all_hyperparameters() or name in hyperparameters_of(loss)


def _trains_proxies(method: str) -> bool:
    """Whether proxies are trained as weights from start to end."""
    return METHODS[method].has_proxies and not METHODS[method].projects
