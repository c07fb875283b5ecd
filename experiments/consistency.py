"""Settings that are each fine but contradict each other. Free of TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccp.errors import ConfigError
from ccp.methods.registry import keys_of
from ccp.settings import refuse_unknown
from evaluate.metrics.registry import STANDARD
from models.registry import find_backbone

if TYPE_CHECKING:
    from experiments.settings import Settings


def check_together(settings: Settings) -> None:
    """Raises a ConfigError for settings that are each fine but together train nothing, or not what was asked for."""
    data, loss, loop, batch = settings.data, settings.loss, settings.loop, settings.batch
    strategy = settings.run.strategy
    refuse_unknown([loop.monitor], STANDARD, "monitor")
    if strategy == "multi_worker" and (data.on_bad_image == "skip" or data.cache == "disk"):
        raise ConfigError(
            "--strategy=multi_worker goes with --on_bad_image=stop and --cache=none or memory: processes do not share "
            "lists of bad images or cache files. main.py validate finds bad images beforehand."
        )
    if strategy != "none" and loop.jit_compile:
        raise ConfigError("--jit_compile is for one device; leave out either that or --strategy.")
    size = settings.network.image_size or find_backbone(settings.network.backbone).size
    if 0 < settings.network.resize_size < size:
        raise ConfigError(
            f"resize_size {settings.network.resize_size} is below image_size {size}, which is cropped from the resized "
            "image. Raise it, or leave it out."
        )
    start_epoch = settings.projection.proxy_start_epoch if loss.projects else 0
    if start_epoch >= loop.max_epochs:
        raise ConfigError(
            f"There would never be proxies: the first are made after proxy_start_epoch {start_epoch}, and training "
            f"ends after max_epochs {loop.max_epochs}. Pass --proxy_start_epoch=0, or raise --max_epochs."
        )
    alone = any(term.needs_positives for term in loss.terms) or start_epoch
    if alone and min(batch.examples_per_class, batch.classes_per_batch) < 2:
        raise ConfigError(
            f"A batch against itself needs at least 2 classes of 2 images; got {batch.classes_per_batch} × "
            f"{batch.examples_per_class}. Raise --classes_per_batch or --examples_per_class, or train against proxies."
        )
    optimizer = settings.optimizer
    if optimizer.learning_rate_schedule == "cosine" and optimizer.cosine_epochs > loop.max_epochs:
        raise ConfigError(
            f"The learning rate falls over cosine_epochs {optimizer.cosine_epochs}, and training ends after max_epochs "
            f"{loop.max_epochs}. Pass --cosine_epochs={loop.max_epochs}."
        )
    steps = loop.steps_per_epoch * loop.max_epochs
    for keys in keys_of(loss.terms):
        if "virtual_start_step" in keys:
            start, gap = (loss.hyperparameters[keys[name]] for name in ("virtual_start_step", "virtual_gap"))
            if start + gap + 1 >= steps:
                raise ConfigError(
                    f"There would never be a virtual class: the first appears after virtual_start_step {start} and "
                    f"virtual_gap {gap} + 1 steps, and training has {steps}. Lower either."
                )
        if "memory_start_step" not in keys:
            continue
        start, batches = (loss.hyperparameters[keys[name]] for name in ("memory_start_step", "memory_batches"))
        if start + batches > steps:
            raise ConfigError(
                f"The memory would never be used: it is full after memory_start_step {start} and memory_batches "
                f"{batches}, and training has {steps} steps. Lower either."
            )
