"""Which settings can be, alone and together. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

from ccp.errors import ConfigError
from ccp.loss_names import WITH_MEMORY, WITH_PROJECTIONS, refuse_unknown

_KINDS = {int: numbers.Integral, float: numbers.Real, str: str, bool: bool}
_KIND_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
# Margins may lie on either side of 0; the losses' other numbers are sharpnesses and temperatures.
_ANY_NUMBER = ("margin", "pos_margin", "neg_margin", "base")
_LOSS_NUMBERS_FROM_ZERO = ("tau", "boundary_weight")
_AT_LEAST_ZERO = [
    "seed",
    "batch_weight",
    "proxy_weight",
    "memory_weight",
    "memory_start_step",
    "proximal_weight",
    "proximal_decay",
    "weight_decay",
    "min_learning_rate",
    "min_improvement",
    "image_size",
    "resize_size",
    "warm_up_epochs",
    "distance_weight",
    "coarse_classes",
    "coarse_weight",
]


def check_section(section: Any) -> None:
    """Raises a ConfigError for a value that is out of range or not among the choices of its setting."""
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if not isinstance(value, _KINDS.get(type(field.default), object)):
            raise ConfigError(f"{field.name} must be {_KIND_NAMES[type(field.default)]}; got {value!r}.")
        choices = field.metadata.get("choices")
        if choices:
            refuse_unknown([value], choices, field.name)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            _check_number(field.name, value, field.name in _AT_LEAST_ZERO)


def _check_number(name: str, value: float, zero_is_fine: bool) -> None:
    if not (math.isfinite(value) and (value >= 0 if zero_is_fine else value > 0)):
        raise ConfigError(f"{name} must be {'at least' if zero_is_fine else 'above'} 0 and finite; got {value}.")


def check_together(config: Any) -> None:
    """Raises a ConfigError for settings that are each fine but together train nothing, or not what was asked for.

    Args:
      config: a ``ccp.config.Config``.
    """
    data, loss, loop = config.data, config.loss, config.loop
    if data.test_fraction >= 1 or data.min_crop_area > 1 or data.max_crop_aspect < 1:
        raise ConfigError(
            "test_fraction must be below 1, min_crop_area at most 1 and max_crop_aspect at least 1; got "
            f"{data.test_fraction}, {data.min_crop_area} and {data.max_crop_aspect}."
        )
    if data.validation == "test" and not data.select_on_test:
        raise ConfigError(
            "--validation=test selects the model by its test scores, which makes them optimistic. Hold something out "
            "of the training side, or say that you want it with --select_on_test."
        )
    for name, value in loss.settings.items():
        if not isinstance(value, numbers.Real):
            raise ConfigError(f"{name} must be a number; got {value!r}.")
        if name not in _ANY_NUMBER:
            _check_number(name, value, name in _LOSS_NUMBERS_FROM_ZERO)
        elif not math.isfinite(value):
            raise ConfigError(f"{name} must be finite; got {value}.")
        if name == "cutoff" and value >= math.sqrt(2):
            raise ConfigError(f"cutoff must be below √2, the distance of random points of a sphere; got {value}.")
    if loop.strategy == "multi_worker" and (data.on_bad_image == "skip" or data.cache == "disk"):
        raise ConfigError(
            "--strategy=multi_worker goes with --on_bad_image=stop and --cache=none or memory: processes do not tell "
            "each other of bad images, and keep no files of their own. main.py validate finds bad images beforehand."
        )
    if loop.strategy != "none" and loop.jit_compile:
        raise ConfigError("--jit_compile is for one device; leave out either that or --strategy.")
    if loss.synthesis_ratio > 1:
        raise ConfigError(f"synthesis_ratio must be at most 1; got {loss.synthesis_ratio}.")
    if 0 < config.model.resize_size < config.model.image_size:
        raise ConfigError(
            f"resize_size {config.model.resize_size} is below image_size {config.model.image_size}, which is cut out "
            "of the resized image. Raise it, or leave it out."
        )
    if loop.seed >= 2**32:
        raise ConfigError(f"seed must be below 2**32; got {loop.seed}.")
    if loss.method in ("plain", "mdr") and (loop.examples_per_class < 2 or loop.classes_per_batch < 2):
        raise ConfigError(
            f"A batch against itself needs at least 2 classes of 2 images; got {loop.classes_per_batch} × "
            f"{loop.examples_per_class}. Raise --classes_per_batch or --examples_per_class, or train against proxies."
        )
    if loss.method in WITH_PROJECTIONS and loss.proxy_weight == 0:
        raise ConfigError("proxy_weight must be above 0 with CCP; to train on the batch alone leave the method out.")
    steps = loop.steps_per_epoch * loop.max_epochs
    if loss.method in WITH_MEMORY and loss.memory_start_step + loss.memory_batches > steps:
        raise ConfigError(
            f"The memory would never be used: it is full after memory_start_step {loss.memory_start_step} and "
            f"memory_batches {loss.memory_batches}, and training has {steps} steps. Lower either."
        )
