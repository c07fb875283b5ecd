"""Presets: the settings for a data set, a loss and a backbone where they differ from the defaults. Free of TensorFlow.

Two kinds: the paper's (``paper_settings``) for its four data sets and a pretrained backbone, and small ones that train
from scratch (``small_settings``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS, Term, keys_of, parse_terms
from datasets.registry import DATA_SETS
from experiments import paper_settings as paper
from experiments.sections import all_hyperparameters
from experiments.settings import Settings, all_settings, configure
from experiments.small_settings import LOSS_WITHOUT_LABELS, small_settings, without_labels
from models.registry import find_backbone


def preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings for a data set, a loss and a backbone.

    Args:
      given: the settings chosen so far; ``dataset``, ``loss``, ``labels``, ``backbone``, ``conventional``,
        ``validation`` and ``max_epochs`` matter here.

    Returns:
      Flat settings for ``configure``, the loss's hyperparameters among them.

    Raises:
      ConfigError: the loss or the data set is unknown, or the paper's conventional setting is asked for where it has
        none.
    """
    dataset, labels, conventional = (
        given.get(name, all_settings()[name].default) for name in ("dataset", "labels", "conventional")
    )
    usual_loss = all_settings()["loss"].default if labels == "given" else LOSS_WITHOUT_LABELS
    loss = given.get("loss", usual_loss)
    terms = parse_terms(loss)
    backbone = given.get("backbone", "bn_inception" if dataset in paper.PAPER else "conv4")
    values = {
        "backbone": backbone,
        **paper.PAPER.get(dataset, {}),
    }
    if _has_paper_preset(dataset, backbone):
        values.update(_paper_preset(dataset, backbone, terms, conventional))
        if given.get("validation", "test") != "test":  # Something else is held out, so nothing looks at the test set.
            values.pop("select_on_test", None)
    elif conventional:
        raise ConfigError(
            f"--conventional is a setting of the paper, for {', '.join(paper.PAPER)} and a pretrained network; got "
            f"{dataset} with {backbone}. Leave it out."
        )
    else:
        values.update(_small_preset(dataset, backbone))
        if given.get("max_epochs", values["max_epochs"]) < 2 * values["proxy_start_epoch"]:
            values["proxy_start_epoch"] = 0  # A short training has little time for proxies.
    if labels == "none":
        values.update(without_labels(dataset), loss=loss)
        values.pop("select_on_test", None)
    by_term = {}
    for term, keys in zip(terms, keys_of(terms)):
        usual = {**values, **_of_loss(term, dataset)}
        by_term.update({key: usual[name] for name, key in keys.items() if name in usual})
    return {**{name: value for name, value in values.items() if name not in all_hyperparameters()}, **by_term}


def _of_loss(term: Term, dataset: str) -> dict[str, Any]:
    """The hyperparameters that the paper has for a loss on a data set, and the number of proxies of a proxy loss."""
    values = dict(paper.HYPERPARAMETERS.get(term.pair_loss, {}).get(dataset, {}))
    if _trains_proxies(term) and PAIR_LOSSES[term.pair_loss].against_proxies:
        values["proxies_per_class"] = paper.SOFT_TRIPLE_CENTERS if term.pair_loss == "soft_triple" else 1
    return values


def preset_settings(**chosen: Any) -> Settings:
    """The complete settings of a preset, with what was chosen; see ``preset``."""
    return configure(preset(chosen), chosen)


def all_presets(loss: str | None = None) -> Iterator[dict[str, Any]]:
    """What to pass to ``preset`` for each data set, in both protocols where it has two."""
    chosen = {} if loss is None else {"loss": loss}
    for dataset in DATA_SETS:
        yield {"dataset": dataset, **chosen}
        if dataset in paper.PAPER:
            yield {"dataset": dataset, **chosen, "conventional": True}


def preset_name(settings: Settings) -> str:
    """The name of the preset that the settings are based on."""
    if _has_paper_preset(settings.data.dataset, settings.network.backbone):
        return "paper, conventional" if settings.data.conventional else "paper, MLRC"
    return "small, pretrained" if find_backbone(settings.network.backbone).pretrained else "small, from scratch"


def expected(settings: Settings) -> dict[str, Any]:
    """Every setting of the preset for the same data set, loss, protocol and backbone; the backbone is the preset's."""
    chosen = {"dataset": settings.data.dataset, "loss": settings.loss.loss, "conventional": settings.data.conventional}
    chosen["labels"] = settings.data.labels
    values = preset_settings(**chosen, backbone=settings.network.backbone).flat()
    return {**values, "backbone": preset(chosen)["backbone"]}


def overridden(settings: Settings) -> dict[str, dict[str, Any]]:
    """The settings that differ from the preset: ``{name: {"preset": …, "here": …}}``."""
    usual, described = expected(settings), all_settings()
    return {
        name: {"preset": usual[name], "here": value}
        for name, value in settings.flat().items()
        if value != usual[name]
        and (name not in described or described[name].in_preset)
        and not (name == "weights" and _starts_as_expected(settings))
        and not (name == "validation" and value.startswith("fold") and usual[name].startswith("fold"))
    }


def _has_paper_preset(dataset: str, backbone: str) -> bool:
    return dataset in paper.PAPER and find_backbone(backbone).pretrained


def _paper_preset(dataset: str, backbone: str, terms: Sequence[Term], conventional: bool) -> dict[str, Any]:
    values = dict(paper.MLRC)
    if conventional:
        values.update(paper.CONVENTIONAL, **paper.CONVENTIONAL_BY_DATA_SET[dataset])
        values.update(paper.CONVENTIONAL_BY_BACKBONE.get(backbone, {}))
    if all(map(_trains_proxies, terms)):
        batch_size = values["classes_per_batch"] * values["examples_per_class"]
        values["classes_per_batch"] = paper.largest_batch(dataset, batch_size, conventional)
        values.update(paper.PROXY_BASELINE)
    return values


def _small_preset(dataset: str, backbone: str) -> dict[str, Any]:
    values = small_settings(dataset)
    if backbone != "conv4":  # The others have their own sizes and widths.
        values.pop("width", None)
        values.pop("image_size", None)
    if find_backbone(backbone).pretrained:  # Pretrained weights are changed slowly.
        values.update(freeze_bn=True, learning_rate=paper.MLRC["learning_rate"])
    return values


def _trains_proxies(term: Term) -> bool:
    """Whether proxies are trained as weights from start to end."""
    return METHODS[term.method].has_proxies and not METHODS[term.method].projects


def _starts_as_expected(settings: Settings) -> bool:
    """Pretrained networks start from weights, of whatever file; the others start from none."""
    return (settings.network.weights != "none") == find_backbone(settings.network.backbone).pretrained
