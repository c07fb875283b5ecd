"""What CCP adds to a training step of its base loss, and what a pool of candidates costs."""

from __future__ import annotations

import tensorflow as tf

from benchmarks.figures import FigureBenchmark
from benchmarks.sizes import BATCH_SIZE, CUB, EMBEDDING_SIZE, batch_labels
from benchmarks.timing import ratio, take_turns
from ccp.methods.build import Sizes, build_loss
from ccp.training.trainer import Trainer
from evaluate.embedding import Embedder
from experiments.settings import configure
from models.embedding import build_embedding_model
from models.registry import BACKBONES

ROUNDS = 100
POOL_ROUNDS = 10
BASE_LOSSES = ("contrastive", "multi_similarity")
CHANNELS = 3
IMAGE_SIZE = 64  # Small for photographs: with larger images and networks CCP's share only falls.
GOAL = 1.05
SMALLEST_IMAGE_SIZE = 28  # For information: a step so short that the proxies' share is at its largest.
EMBEDDING_BATCH = 256


class TrainingStepBenchmark(FigureBenchmark):
    def benchmark_step(self):
        self._compare(IMAGE_SIZE, calls_per_turn=1, goal=GOAL)

    def benchmark_small_step(self):
        self._compare(SMALLEST_IMAGE_SIZE, calls_per_turn=4, goal=None)

    def benchmark_pool(self):
        trainer = step_trainer(f"ccp/{BASE_LOSSES[0]}", IMAGE_SIZE)
        embedder = Embedder(trainer.model)
        pool = images(CUB.num_classes * CUB.candidates_per_class, IMAGE_SIZE)
        batches = [pool[start : start + EMBEDDING_BATCH] for start in range(0, len(pool), EMBEDDING_BATCH)]
        times = take_turns({"pool": lambda: embedder.raw(batches), "step": step_of(trainer)}, POOL_ROUNDS)
        self.record_ratio(
            f"embedding a pool, {CUB.num_classes} × {CUB.candidates_per_class} images",
            "a training step of CCP",
            ratio(times["pool"].wall, times["step"].wall),
        )

    def _compare(self, image_size, calls_per_turn, goal):
        sides = {
            loss: step_of(step_trainer(loss, image_size))
            for base in BASE_LOSSES
            for loss in (f"plain/{base}", f"ccp/{base}")
        }
        times = take_turns(sides, ROUNDS, calls_per_turn)
        for base in BASE_LOSSES:
            ccp, plain = times[f"ccp/{base}"], times[f"plain/{base}"]
            name, to = f"step of ccp/{base}, {image_size} × {image_size} images", f"a step of plain/{base}"
            self.record_ratio(name, to, ratio(ccp.wall, plain.wall), goal)
            self.record_ratio(f"{name}, processor time", to, ratio(ccp.processor, plain.processor), goal)


def images(number: int, size: int) -> tf.Tensor:
    """[number, size, size, CHANNELS] float32, as preprocessing puts them out."""
    return tf.random.stateless_uniform([number, size, size, CHANNELS], [0, 0], -1.0, 1.0)


def step_trainer(loss: str, image_size: int, backbone: str = "conv4") -> Trainer:
    """A trainer in the paper's setting for CUB but for the network; CCP's as it is after a projection."""
    settings = {"loss": loss, "backbone": backbone, "image_size": image_size, "embedding_size": EMBEDDING_SIZE}
    config = configure({**settings, "freeze_bn": BACKBONES[backbone].pretrained})
    model = build_embedding_model(config.network, CHANNELS, seed=0)
    built = build_loss(
        config.loss.loss, config.loss.hyperparameters, Sizes(CUB.num_classes, EMBEDDING_SIZE, BATCH_SIZE)
    )
    trainer = Trainer(
        model,
        built,
        batches=_not_called,
        validate=_not_called,
        loop=config.loop,
        projection=config.projection,
        optimizer=config.optimizer,
        gradients=config.gradients,
        candidates=_not_called,
    )
    if trainer.projections:
        trainer.projections.projector.weight.assign(config.projection.proximal_weight)
    return trainer


def step_of(trainer: Trainer):
    """One step of the loop on a batch that is there already: input pipelines are not measured."""
    size = trainer.model.input_shape[1]
    batch, labels = images(BATCH_SIZE, size), batch_labels(CUB.num_classes)

    def step():
        return trainer.state.step(batch, labels)

    return step


def _not_called(*_):
    raise AssertionError("Steps alone are measured.")


if __name__ == "__main__":
    tf.test.main()
