"""Whole training against trajectories recorded from the original code, through the trainer that real runs use."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import ccp

_GOLDEN = pathlib.Path(__file__).parents[2] / "support" / "golden"
# The files do not name the losses' hyperparameters: they are the original code's defaults.
_PAIR_LOSSES = {
    "contrastive": lambda: ccp.ContrastiveLoss(pos_margin=0.0, neg_margin=0.5),
    "multi_similarity": lambda: ccp.MultiSimilarityLoss(alpha=2.0, beta=50.0, base=0.5),
}
_RELATIVE = 1e-4


class _Recorder(tf.keras.callbacks.Callback):
    """Keeps what the recorded file holds, after each epoch."""

    def __init__(self):
        super().__init__()
        self.trainer, self.losses, self.epochs, self.first_proxies = None, [], [], None

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])

    def on_projection(self, projection):
        if projection.index == 0:
            self.first_proxies = projection.proxies.numpy()

    def on_epoch_end(self, epoch, logs=None):
        projector = self.trainer.projections.projector
        self.epochs.append(
            {
                "kernel": self.model.get_weights()[0].copy(),
                "proxies": projector.proxies[0].points.numpy(),
                "lambda": float(projector.weight),
                "anchor": projector.anchor.copies[0].numpy(),
                "projected": logs["projected"],
            }
        )


def _train(name: str, recorded) -> _Recorder:
    num_classes, proxies_per_class, size = recorded["init/proxies"].shape
    epochs, steps = recorded["losses"].shape
    number = {key: value.item() for key, value in recorded.items() if value.ndim == 0}
    model = tf.keras.Sequential(
        [tf.keras.Input(recorded["inputs"].shape[-1:]), tf.keras.layers.Dense(size, use_bias=False)]
    )
    model.set_weights([recorded["kernel0"]])
    proxies = ccp.ClassProxies(num_classes, proxies_per_class, size)

    def candidates(draw, per_class):
        inputs = recorded["pool_inputs"][draw]
        return tf.reshape(model(inputs.reshape(-1, inputs.shape[-1])), [num_classes, per_class, size])

    recorder = _Recorder()
    trainer = recorder.trainer = ccp.Trainer(
        model,
        ccp.CCPLoss(_PAIR_LOSSES[name](), proxies, number["batch_weight"], number["proxy_weight"]),
        batches=lambda *_: (
            (tf.constant(recorded["inputs"][e, s]), tf.constant(recorded["labels"][e, s]))
            for e in range(epochs)
            for s in range(steps)
        ),
        validate=lambda: {"map_at_r": recorded["monitored"][trainer.progress.epoch]},
        loop=ccp.LoopSettings(steps_per_epoch=steps, max_epochs=epochs, min_improvement=number["min_improvement"]),
        projection=ccp.ProjectionSettings(
            patience=number["patience"],
            pool_size=number["pool_size"],
            proximal_weight=number["lambda0"],
            proximal_decay=number["lambda_decay"],
        ),
        optimizer=ccp.OptimizerSettings(learning_rate=number["learning_rate"]),
        gradients=ccp.GradientSettings(
            weight_decay=number["weight_decay"], clip_norm=number["clip_norm"], clip_value=number["clip_value"]
        ),
        candidates=candidates,
        callbacks=[recorder],
        verbose=False,
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
