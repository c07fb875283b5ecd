"""Whole training against trajectories recorded from the original code, through the trainer that real runs use."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import ccp
from ccp.losses import PAIR_LOSSES
from ccp.projection.projector import Projector
from experiments.settings import configure

_GOLDEN = pathlib.Path(__file__).parents[1] / "support" / "golden"
# The files do not name the losses' own numbers: they are the original code's defaults.
_SETTINGS = {
    "contrastive": {"pos_margin": 0.0, "neg_margin": 0.5},
    "multi_similarity": {"alpha": 2.0, "beta": 50.0, "base": 0.5},
}
_RELATIVE = 1e-4


class _Recorder:
    """Keeps what the recorded file holds, after each epoch."""

    def __init__(self):
        self.trainer, self.losses, self.epochs, self.first_proxies = None, [], [], None

    def on_start(self, progress):
        """Nothing has happened yet."""

    def on_step(self, progress, loss):
        self.losses.append(loss)

    def on_projection(self, projection):
        if projection.index == 0:
            self.first_proxies = projection.proxies.numpy()

    def on_end(self):
        """Nothing is left to do."""

    def on_epoch(self, record):
        projector = self.trainer.projector
        self.epochs.append(
            {
                "kernel": self.trainer.model.get_weights()[0].copy(),
                "proxies": projector.proxies.points.numpy(),
                "lambda": float(projector.weight),
                "anchor": projector.anchor.copies[0].numpy(),
                "projected": record["projected"],
            }
        )


def _train(name: str, recorded) -> _Recorder:
    num_classes, proxies_per_class, size = recorded["init/proxies"].shape
    epochs, steps = recorded["losses"].shape
    model = tf.keras.Sequential(
        [tf.keras.Input(recorded["inputs"].shape[-1:]), tf.keras.layers.Dense(size, use_bias=False)]
    )
    model.set_weights([recorded["kernel0"]])
    config = configure(
        {
            "loss": f"ccp/{name}",
            "embedding_size": size,
            "proxies_per_class": proxies_per_class,
            "pool_size": int(recorded["pool_size"]),
            "steps_per_epoch": steps,
            "max_epochs": epochs,
            **{key: float(recorded[key]) for key in ("weight_decay", "learning_rate", "clip_norm", "clip_value")},
            "patience": int(recorded["patience"]),
            "min_improvement": float(recorded["min_improvement"]),
        },
        _SETTINGS[name],
    )
    proxies = ccp.ClassProxies(num_classes, proxies_per_class, size)
    loss = ccp.CCPLoss(
        PAIR_LOSSES[name](**_SETTINGS[name]), proxies, float(recorded["batch_weight"]), float(recorded["proxy_weight"])
    )

    def candidates(draw):
        inputs = recorded["pool_inputs"][draw]
        return tf.reshape(model(inputs.reshape(-1, inputs.shape[-1])), [num_classes, inputs.shape[1], size])

    recorder = _Recorder()
    trainer = recorder.trainer = ccp.Trainer(
        model,
        loss,
        config,
        batches=lambda *_: (
            (tf.constant(recorded["inputs"][e, s]), tf.constant(recorded["labels"][e, s]))
            for e in range(epochs)
            for s in range(steps)
        ),
        validate=lambda: {"map_at_r": recorded["monitored"][trainer.progress.epoch]},
        projector=Projector(
            proxies,
            model.trainable_variables,
            ccp.ProxyReinitializer(proxies_per_class),
            candidates,
            float(recorded["lambda0"]),
            float(recorded["lambda_decay"]),
        ),
        observers=(recorder,),
    )
    trainer.fit()
    return recorder


class TrajectoryTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters("contrastive", "multi_similarity")
    def test_training_follows_the_original(self, name):
        with np.load(_GOLDEN / f"trajectory_{name}.npz") as file:
            recorded = {key: file[key] for key in file.files}
        recorder = _train(name, recorded)

        self.assertNear(recorder.first_proxies, recorded["init/proxies"])
        self.assertNear(np.reshape(recorder.losses, recorded["losses"].shape), recorded["losses"])
        projected = [e for e, at in enumerate(recorder.epochs) if at["projected"]]
        self.assertAllEqual(projected, recorded["updates_after_epoch"])
        for epoch, at in enumerate(recorder.epochs):
            for what in ("kernel", "proxies", "lambda"):
                self.assertNear(at[what], recorded[what][epoch])
            # Before the first projection λ is 0; the original then holds another anchor, which nothing reads.
            if epoch >= recorded["updates_after_epoch"][0]:
                self.assertNear(at["anchor"], recorded["anchor"][epoch])

    def assertNear(self, actual, recorded):
        self.assertAllClose(actual, recorded, rtol=0, atol=_RELATIVE * max(np.abs(recorded).max(), 1e-30))


if __name__ == "__main__":
    tf.test.main()
