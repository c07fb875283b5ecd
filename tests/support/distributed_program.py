"""Trains a small network on several virtual devices and on one, and prints how far the two are apart.

A program of its own, since the number of devices is fixed once TensorFlow has started:
``python -m tests.support.distributed_program`` prints one JSON object, {devices: {comparison: {what: difference}}}.
Differences are relative to the largest entry of a tensor, and infinite where replicas of one training differ at all.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

import ccp
from ccp.distribution.replicas import Replicas
from ccp.errors import Interrupted
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.build import Sizes, build_loss
from evaluate.embedding import Embedder
from experiments.settings import Settings
from models.synchronized import synchronized
from tests.support.replica_copies import differences
from tests.support.toy_training import EMBEDDING, FEATURES, STEPS, toy_config

CLASSES, CANDIDATES = 7, 5
# Batches of 9 images are uneven over 2 devices and over 4.
CLASSES_PER_BATCH, EXAMPLES_PER_CLASS = 3, 3
GROUPS = {2: ("losses", "settings", "batch_norm", "checkpoints", "passes"), 4: ("losses", "batch_norm", "passes")}
# Every pair loss, against proxies if it is meant so; and every other method, with losses that have no state, that draw
# and learn, and that are meant for proxies.
_METHODS = (
    "proxy/margin",
    "xbm/multi_similarity",
    "ccp/contrastive",
    "ccp_xbm/margin",
    "mdr/contrastive",
    "proxy_synthesis/proxy_anchor",
    "hpl/proxy_anchor",
)
_PAIR_LOSSES = tuple(
    f"proxy/{name}" if entry.against_proxies else f"plain/{name}" for name, entry in PAIR_LOSSES.items()
)
LOSSES = (*_PAIR_LOSSES, *_METHODS)


def config_of(loss: str, **changes) -> Settings:
    """The toy's settings with batches that are uneven over the devices."""
    batch = {"classes_per_batch": CLASSES_PER_BATCH, "examples_per_class": EXAMPLES_PER_CLASS}
    own = {"coarse_classes": 3, "clustering_period": 2} if loss.startswith("hpl/") else {}
    return toy_config(loss, max_epochs=2, **{**batch, **own, **changes})


class Toy:
    """A small training on some devices, and what it comes to.

    Args:
      config: from ``config_of``.
      replicas: the devices.
      with_batch_norm: one over images, as networks have it.
      more: for the ``Trainer``.
    """

    def __init__(self, config: Settings, replicas: Replicas, with_batch_norm: bool = False, **more):
        self.config, self.replicas, self._with_batch_norm = config, replicas, with_batch_norm
        with replicas.scope():
            self.model = _network(config, with_batch_norm)
            if replicas.count > 1:
                self.model = synchronized(self.model)
            sizes = Sizes(CLASSES, EMBEDDING, config.batch.size)
            self.loss = build_loss(config.loss.loss, config.loss.hyperparameters, sizes)
            self.embedder = Embedder(self.model, replicas)
            self.trainer = ccp.Trainer(
                self.model,
                self.loss,
                self._batches,
                lambda: {"map_at_r": 0.5},  # Not rising: CCP projects after every epoch.
                loop=config.loop,
                projection=config.projection,
                optimizer=config.optimizer,
                gradients=config.gradients,
                candidates=self._candidates,
                head=self.model.layers[-1].trainable_variables,
                replicas=replicas,
                verbose=False,
                **more,
            )

    def gradients(self) -> dict[str, list[np.ndarray]]:
        """Those of the first step, and what the step leaves in variables that are not trained."""
        step, trained = self.trainer.state.step, self.model.trainable_variables
        batch = self.replicas.spread(*next(self._batches(0, 0)))

        @tf.function
        def on_replicas(images, labels):
            return self.replicas.run(
                lambda *batch: step._gradients(*batch, trained, warming_up=False), [images, labels]
            )

        loss, norm, gradients = on_replicas(*batch)
        return {
            "loss": self._copies(loss),
            "gradient norm": self._copies(norm),
            **{f"gradient {at}": self._copies(gradient) for at, gradient in enumerate(gradients)},
            **self.state(trained=False),
        }

    def state(self, trained: bool = True) -> dict[str, list[np.ndarray]]:
        """Every replica's copies of network, loss, moments, snapshots and loss scale, by name."""
        parts = [self.model, *getattr(self.loss, "layers", ())]
        variables = [v for part in parts for v in part.variables]
        if not trained:
            learned = {v.ref() for part in parts for v in part.trainable_variables}
            variables = [v for v in variables if v.ref() not in learned]
        else:
            trainer = self.trainer
            for optimizer in trainer.optimizer.optimizers.values():
                variables += optimizer.variables() if callable(optimizer.variables) else optimizer.variables
            variables += trainer.overall_best.copies
            if trainer.projections:
                variables += [*trainer.projections.problem_best.copies, *trainer.projections.projector.anchor.copies]
            variables += trainer.state.step.loss_scale.variables if trainer.state.step.loss_scale else []
        return {f"{at} {v.name}": self._copies(v) for at, v in enumerate(variables)}

    def pool(self) -> tf.Tensor:
        """The embeddings of a pool that no number of devices divides: [CLASSES · CANDIDATES, embedding]."""
        inputs = np.random.default_rng([9, 0]).normal(size=(CLASSES * CANDIDATES, *self._input_shape()))
        batches = [tf.constant(inputs[begin:end], tf.float32) for begin, end in ((0, 17), (17, 34), (34, 35))]
        return self.embedder.raw(batches, shared=True)

    def _copies(self, value) -> list[np.ndarray]:
        return [np.array(copy) for copy in self._local(value)]

    def _local(self, value):
        strategy = self.replicas.strategy
        return strategy.experimental_local_results(value) if strategy else [value]

    def _input_shape(self) -> tuple[int, ...]:
        return (3, 2, FEATURES) if self._with_batch_norm else (FEATURES,)

    def _batches(self, epoch: int, step: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        batch = self.config.batch
        while True:
            random = np.random.default_rng([7, epoch, step])
            labels = np.repeat(random.permutation(CLASSES)[: batch.classes_per_batch], batch.examples_per_class)
            centers = np.random.default_rng(0).normal(size=(CLASSES, *self._input_shape()))
            inputs = centers[labels] + 0.5 * random.normal(size=(len(labels), *self._input_shape()))
            yield tf.constant(inputs, tf.float32), tf.constant(labels, tf.int64)
            epoch, step = (epoch, step + 1) if step + 1 < STEPS else (epoch + 1, 0)

    def _candidates(self, draw: int, per_class: int) -> tf.Tensor:
        return tf.reshape(self.pool() + 0.01 * draw, [CLASSES, CANDIDATES, EMBEDDING])


def _network(config: Settings, with_batch_norm: bool) -> tf.keras.Model:
    policy = "float32" if config.network.mixed_precision == "none" else f"mixed_{config.network.mixed_precision}"
    kernel = tf.keras.initializers.Orthogonal(seed=2)
    head = tf.keras.initializers.GlorotUniform(seed=3)
    layers = [
        tf.keras.layers.Dense(
            FEATURES, kernel_initializer=kernel, dtype=policy, name="body", use_bias=not with_batch_norm
        )
    ]
    if with_batch_norm:
        layers += [
            tf.keras.layers.BatchNormalization(dtype=policy, trainable=not config.network.freeze_bn, name="norm"),
            tf.keras.layers.GlobalAveragePooling2D(dtype=policy),
        ]
    shape = (3, 2, FEATURES) if with_batch_norm else (FEATURES,)
    last = tf.keras.layers.Dense(EMBEDDING, use_bias=False, kernel_initializer=head, dtype="float32", name="head")
    return tf.keras.Sequential([tf.keras.Input(shape), *layers, last])


class Comparisons:
    """What is compared; each method a group, with names and differences.

    Args:
      replicas: the devices to compare with one.
    """

    def __init__(self, replicas: Replicas):
        self.several, self.one = replicas, Replicas()

    def losses(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Two epochs with every loss, and CCP's projection between them."""
        for loss in LOSSES:
            yield loss, differences(_run(config_of(loss), self.several), _alone(loss))

    def settings(self) -> Iterator[tuple[str, dict[str, float]]]:
        """What changes the step itself."""
        changes = {
            "float16": {"mixed_precision": "float16"},
            "warm-up": {"warm_up_epochs": 1, "proxy_rate_multiplier": 100.0},
            "lamb": {"optimizer": "lamb"},
            "radam": {"optimizer": "radam"},
        }
        for name, change in changes.items():
            config = config_of("proxy/contrastive", **change)
            yield name, differences(*(_run(config, replicas) for replicas in (self.several, self.one)))

    def batch_norm(self) -> Iterator[tuple[str, dict[str, float]]]:
        """One step's gradients and moving statistics: a deep network's later steps would amplify rounding."""
        for name, change in {"trained": {}, "frozen": {"freeze_bn": True}}.items():
            config = config_of("plain/contrastive", **change)
            toys = [Toy(config, replicas, with_batch_norm=True) for replicas in (self.several, self.one)]
            yield name, differences(*(toy.gradients() for toy in toys))

    def checkpoints(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Trainings that go on on another number of devices."""
        config = config_of("ccp_xbm/contrastive")
        expected = _finished(Toy(config, self.one))
        for name, places in {"to one": (self.several, self.one), "to several": (self.one, self.several)}.items():
            with tempfile.TemporaryDirectory() as folder:
                # In the second epoch, with proxies re-initialised before it. Asked after every step and every epoch.
                stops = iter([False] * (STEPS + 1) + [True])
                try:
                    _finished(Toy(config, places[0], checkpoints=folder, should_stop=functools.partial(next, stops)))
                except Interrupted:
                    yield name, differences(_finished(Toy(config, places[1], checkpoints=folder)), expected)

    def passes(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Embeddings of a pool, and of fewer images than there are devices."""
        toys = [Toy(config_of("ccp/contrastive"), replicas) for replicas in (self.several, self.one)]
        yield "pool", differences(*({"embeddings": [toy.pool().numpy()]} for toy in toys))
        single = tf.ones([1, FEATURES])
        yield "one image", differences(*({"embeddings": [toy.embedder.raw([single]).numpy()]} for toy in toys))
        yield "no image", differences(*({"embeddings": [toy.embedder.raw([]).numpy()]} for toy in toys))


@functools.cache
def _alone(loss: str) -> dict[str, list[np.ndarray]]:
    return _run(config_of(loss), Replicas())


def _run(config: Settings, replicas: Replicas) -> dict[str, list[np.ndarray]]:
    watcher = _FirstStep()
    toy = Toy(config, replicas, callbacks=(watcher,))
    watcher.look = toy.state
    return {**_finished(toy), **watcher.seen}


def _finished(toy: Toy) -> dict[str, list[np.ndarray]]:
    toy.trainer.fit()
    return toy.state()


class _FirstStep(tf.keras.callbacks.Callback):
    """Adam's first moments after one step are a tenth of the gradients."""

    def __init__(self):
        super().__init__()
        self.look, self.seen = None, {}

    def on_train_batch_end(self, batch, logs=None):
        if not self.seen:
            self.seen = {f"first step: {name}": copies for name, copies in self.look().items()}


def _strategy(devices: int) -> tf.distribute.Strategy:
    """One over the first so many."""

    class Mirrored(tf.distribute.MirroredStrategy):
        # Else strategies of different sizes in one process would take each other's groups for theirs.
        _collective_key_base = devices * 1_000_000

    return Mirrored([device.name for device in tf.config.list_logical_devices("CPU")[:devices]])


def main() -> None:
    """Prints the differences, with 2 of 4 devices and with all."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * max(GROUPS))
    tf.config.experimental.enable_op_determinism()
    # Rewriting a graph takes longer than running it six times.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    found = {}
    for devices, groups in GROUPS.items():
        comparisons = Comparisons(Replicas(_strategy(devices)))
        found[devices] = {
            f"{group}: {name}": worst for group in groups for name, worst in getattr(comparisons, group)()
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
