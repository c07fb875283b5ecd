"""Trains a small network on several virtual devices and on one, and prints how much the two differ.

A separate program, since the number of devices is fixed once TensorFlow has started:
``python -m tests.support.distributed_program`` prints one JSON object, {devices: {comparison: {tensor: difference}}}.
Differences are relative to the largest entry of a tensor, and infinite if the replicas of one training differ at all.
"""

from __future__ import annotations

import functools
import json
import math
import tempfile
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

import ccp
from ccp.distribution.replicas import Replicas
from ccp.errors import Interrupted
from ccp.keras_api import tf_variable
from ccp.methods.build import Sizes, build_loss
from evaluate.embedding import Embedder
from models.synchronized import synchronized
from tests.support.toy_training import EMBEDDING, FEATURES, STEPS, toy_settings

CLASSES, CANDIDATES = 7, 5
# Every method whose variables, draws, memory, clusters or projections differ in kind; pair losses see the gathered
# batch and proxies, and nothing of the devices. Most time goes to tracing, so several methods share a graph.
LOSSES = (
    "ccp_xbm/margin+0.5*proxy/proxy_anchor+softmax",
    "mdr/contrastive+proxy_synthesis/proxy_anchor+memvir/proxy_anchor",
    "prism/contrastive+nir/proxy_anchor",
    "hpl/proxy_anchor",
)
# Methods that are not among them, and where what they have is compared.
COMPARED_ELSEWHERE = {
    "xbm": "ccp_xbm: the same memory",
    "ccp": "ccp_xbm: the same proxies and projections",
}
FEW_LOSSES = ("ccp_xbm/margin+0.5*proxy/proxy_anchor+softmax",)  # State, variables, draws and projections.
SETTINGS = {
    "float16": {"mixed_precision": "float16"},
    "warm-up": {"warm_up_epochs": 1, "proxy_rate_multiplier": 100.0, "optimizer": "lamb", "ema_decay": 0.5},
}
_IMAGE_SHAPE = (3, 2, FEATURES)
# Below this, differences are not divided by a tensor's largest entry.
_SMALLEST_SCALE = 1e-3

Tensors = dict[str, list[np.ndarray]]  # By name, the copy of each replica.


class Toy:
    """A small training on some devices.

    Args:
      replicas: the devices.
      loss: its name.
      batch_norm: whether the network takes images and has a batch norm.
      shrinking: whether each batch of an epoch has one row less than the one before.
      more: for the ``Trainer``.
      **changes: settings.
    """

    def __init__(self, replicas: Replicas, loss: str, batch_norm=False, shrinking=False, more=None, **changes):
        clusters = {"coarse_classes": 3, "clustering_period": 2} if loss.startswith("hpl/") else {}
        flow = {"flow_blocks": 1, "flow_depth": 2, "flow_width": 16} if "nir/" in loss else {}
        virtual = {"virtual_start_step": 1, "virtual_gap": 1} if "memvir/" in loss else {}
        # Batches of 9 images are uneven over 2 devices and over 4.
        batch = {"classes_per_batch": 3, "examples_per_class": 3}
        settings = toy_settings(loss, **{"max_epochs": 2, **batch, **clusters, **flow, **virtual, **changes})
        self.replicas, self._shape = replicas, _IMAGE_SHAPE if batch_norm else (FEATURES,)
        self._shrinking, self.first_step = shrinking, {}
        with replicas.scope():
            self.model = _network(settings.network, batch_norm)
            if replicas.count > 1:
                self.model = synchronized(self.model)
            self.embedder = Embedder(self.model, replicas)
            self.loss = build_loss(loss, settings.loss.hyperparameters, Sizes(CLASSES, EMBEDDING, settings.batch.size))
            self.trainer = ccp.Trainer(
                self.model,
                self.loss,
                self._batches,
                lambda: {"map_at_r": 0.5},  # Never better: CCP projects after every epoch.
                loop=settings.loop,
                projection=settings.projection,
                optimizer=settings.optimizer,
                gradients=settings.gradients,
                candidates=lambda draw, _: tf.reshape(self.pool() + 0.01 * draw, [CLASSES, CANDIDATES, EMBEDDING]),
                head=self.model.layers[-1].trainable_variables,
                replicas=replicas,
                callbacks=[tf.keras.callbacks.LambdaCallback(on_train_batch_end=self._keep_first_step)],
                verbose=False,
                **(more or {}),
            )

    def trained(self) -> Tensors:
        """Trains, and returns every variable after the first step and at the end; first moments are gradients."""
        self.trainer.fit()
        return {**self._state(), **{f"first step: {name}": copies for name, copies in self.first_step.items()}}

    def pool(self) -> tf.Tensor:
        """The embeddings of a pool that no number of devices divides: [CLASSES · CANDIDATES, EMBEDDING]."""
        inputs = np.random.default_rng([9, 0]).normal(size=(CLASSES * CANDIDATES, *self._shape))
        return self.embedder.raw([tf.constant(rows, tf.float32) for rows in np.split(inputs, [17, 34])], shared=True)

    def _keep_first_step(self, batch, logs) -> None:
        self.first_step = self.first_step or self._state()

    def _state(self) -> Tensors:
        """Network, loss, moments, snapshots and loss scale."""
        trainer = self.trainer
        variables = [v for part in (self.model, *getattr(self.loss, "layers", ())) for v in part.variables]
        for optimizer in trainer.optimizer.optimizers.values():
            variables += optimizer.variables() if callable(optimizer.variables) else optimizer.variables
        variables += trainer.overall_best.copies
        if trainer.projections:
            variables += [*trainer.projections.problem_best.copies, *trainer.projections.projector.anchor.copies]
        loss_scale = trainer.state.step.loss_scale
        variables += loss_scale.variables if loss_scale else []
        strategy = self.replicas.strategy
        copies = strategy.experimental_local_results if strategy else lambda variable: [variable]
        return {f"{at} {v.name}": [np.array(copy) for copy in copies(tf_variable(v))] for at, v in enumerate(variables)}

    def _batches(self, epoch: int, step: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        while True:
            random = np.random.default_rng([7, epoch, step])
            labels = np.repeat(random.permutation(CLASSES)[:3], 3)[: 9 - step * self._shrinking]
            centers = np.random.default_rng(0).normal(size=(CLASSES, *self._shape))
            inputs = centers[labels] + 0.5 * random.normal(size=(len(labels), *self._shape))
            yield tf.constant(inputs, tf.float32), tf.constant(labels, tf.int64)
            epoch, step = (epoch, step + 1) if step + 1 < STEPS else (epoch + 1, 0)


def _network(settings, batch_norm: bool) -> tf.keras.Model:
    policy = "float32" if settings.mixed_precision == "none" else f"mixed_{settings.mixed_precision}"
    kernel, head = tf.keras.initializers.Orthogonal(seed=2), tf.keras.initializers.GlorotUniform(seed=3)
    body = tf.keras.layers.Dense(
        FEATURES, kernel_initializer=kernel, dtype=policy, name="body", use_bias=not batch_norm
    )
    norm = [
        tf.keras.layers.BatchNormalization(dtype=policy, trainable=not settings.freeze_bn, name="norm"),
        tf.keras.layers.GlobalAveragePooling2D(dtype=policy),
    ]
    last = tf.keras.layers.Dense(
        EMBEDDING, use_bias=False, kernel_initializer=head, kernel_regularizer="l2", dtype="float32", name="head"
    )
    inputs = tf.keras.Input(_IMAGE_SHAPE if batch_norm else (FEATURES,))
    return tf.keras.Sequential([inputs, body, *(norm if batch_norm else ()), last], name="toy")


@functools.cache
def _on_one_device(loss: str) -> Tensors:
    return Toy(Replicas(), loss).trained()


def _compared(several: Tensors, one: Tensors) -> dict[str, float]:
    assert several.keys() == one.keys(), sorted(several.keys() ^ one.keys())
    return {name: _difference(copies, one[name][0]) for name, copies in several.items()}


def _difference(copies: list[np.ndarray], expected: np.ndarray) -> float:
    if any(copy.tobytes() != copies[0].tobytes() for copy in copies):
        return math.inf
    actual, expected = copies[0].astype(np.float64), expected.astype(np.float64)
    if not expected.size:
        return 0.0
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), _SMALLEST_SCALE))


def comparisons(replicas: Replicas, losses: Iterable[str], whole: bool) -> Iterator[tuple[str, dict[str, float]]]:
    """Compares several devices with one; ``whole`` adds batch norms, settings and checkpoints."""
    one = Replicas()
    for loss in losses:  # Two epochs; with CCP, a projection between them.
        yield loss, _compared(Toy(replicas, loss).trained(), _on_one_device(loss))
    toys = [Toy(devices, "ccp/contrastive") for devices in (replicas, one)]
    yield "pool", _compared(*({"embeddings": [toy.pool().numpy()]} for toy in toys))
    for images in ([], [tf.ones([1, FEATURES])]):  # Fewer than devices.
        embedded = [{"embeddings": [toy.embedder.raw(images).numpy()]} for toy in toys]
        yield f"{len(images)} images", _compared(*embedded)
    if whole:
        # One step: later ones would amplify rounding.
        for name, frozen in {"batch norm": False, "frozen batch norm": True}.items():
            step = {"batch_norm": True, "freeze_bn": frozen, "max_epochs": 1, "steps_per_epoch": 1}
            # Of 5 images on one device chunks of 2, 2 and 1; of 4 on the other, of 2 and 2.
            step["gradient_chunks"] = 3 if frozen else 1
            yield name, _compared(*(Toy(devices, "plain/contrastive", **step).trained() for devices in (replicas, one)))
        for name, changes in {**SETTINGS, "batches of other sizes": {"shrinking": True}}.items():
            yield (
                name,
                _compared(*(Toy(devices, "proxy/contrastive", **changes).trained() for devices in (replicas, one))),
            )
        yield "resumed on one", _resumed(replicas, one)
        yield "resumed on several", _resumed(one, replicas)


def _resumed(first: Replicas, second: Replicas) -> dict[str, float]:
    """A training that is stopped and resumed on another number of devices."""
    with tempfile.TemporaryDirectory() as folder:
        # In the second epoch, with proxies re-initialised before it. Asked after every step and every epoch.
        stops = iter([False] * (STEPS + 1) + [True])
        stopped = Toy(first, "ccp_xbm/margin", more={"checkpoints": folder, "should_stop": lambda: next(stops)})
        try:
            stopped.trainer.fit()
        except Interrupted:
            resumed = Toy(second, "ccp_xbm/margin", more={"checkpoints": folder})
            expected = {name: _on_one_device("ccp_xbm/margin")[name] for name in resumed._state()}
            resumed.trainer.fit()
            return _compared(resumed._state(), expected)
    raise AssertionError("was not interrupted")


def _strategy(devices: int) -> tf.distribute.Strategy:
    """A strategy over the first devices."""

    class Mirrored(tf.distribute.MirroredStrategy):
        # Otherwise strategies of different sizes in one process confuse their groups.
        _collective_key_base = devices * 1_000_000

    return Mirrored([device.name for device in tf.config.list_logical_devices("CPU")[:devices]])


def main() -> None:
    """Prints the differences, with 2 of 4 devices and with all."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
    tf.config.experimental.enable_op_determinism()
    # Rewriting a graph takes longer than running it six times.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    two = dict(comparisons(Replicas(_strategy(2)), LOSSES, whole=True))
    four = dict(comparisons(Replicas(_strategy(4)), FEW_LOSSES, whole=False))
    print(json.dumps({2: two, 4: four}))


if __name__ == "__main__":
    main()
