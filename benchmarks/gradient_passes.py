"""A training step in one pass and in two, by chunks (``gradient_chunks``), at growing batch sizes: time and memory."""

from __future__ import annotations

import tensorflow as tf

from benchmarks.figures import FigureBenchmark
from benchmarks.memory import peak_growth
from benchmarks.timing import Ratio, ratio, take_turns
from ccp import GradientSettings, RecallAtKLoss
from ccp.training.training_step import TrainingStep

BATCH_SIZES = (500, 1000, 2000, 4000)
CHUNK = 125
EXAMPLES_PER_CLASS = 4
ROUNDS = 5
IMAGE_SIZE = 28
SMALL = 250


class GradientPassesBenchmark(FigureBenchmark):
    def benchmark_time(self):
        for batch_size in BATCH_SIZES:
            sides = {chunks: step_of(batch_size, chunks) for chunks in (1, batch_size // CHUNK)}
            one, two = take_turns(sides, ROUNDS, warm_up=1).values()
            name = f"two passes in chunks of {CHUNK}, batch of {batch_size}"
            self.record_ratio(name, "one pass", ratio(two.wall, one.wall))
            self.record_ratio(f"{name}, processor time", "one pass", ratio(two.processor, one.processor))

    def benchmark_memory(self):
        for batch_size in BATCH_SIZES:
            one, two = (
                peak_growth("benchmarks.gradient_passes:memory_workload", str(batch_size), str(chunks))
                for chunks in (1, batch_size // CHUNK)
            )
            if one is None:
                return
            name = f"batch of {batch_size}, above the images"
            self.record_memory(f"one pass, {name}", one)
            self.record_memory(f"two passes in chunks of {CHUNK}, {name}", two)
            self.record_ratio(f"two passes, memory, {name}", "one pass", Ratio(two / one, two / one, two / one))


def step_of(batch_size: int, chunks: int):
    """A step of recall@k with a small network, on images that are there already."""
    return bound(small_step(chunks), batch_size)


def small_step(chunks: int) -> TrainingStep:
    layers = [tf.keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1))]
    for width in (16, 32):
        layers += [tf.keras.layers.Conv2D(width, 3, padding="same", activation="relu"), tf.keras.layers.MaxPool2D()]
    layers += [tf.keras.layers.GlobalAveragePooling2D(), tf.keras.layers.Dense(64, use_bias=False)]
    settings = GradientSettings(gradient_chunks=chunks)
    return TrainingStep(tf.keras.Sequential(layers), RecallAtKLoss(), tf.keras.optimizers.SGD(1e-3), settings)


def bound(step: TrainingStep, batch_size: int):
    images = tf.random.stateless_uniform([batch_size, IMAGE_SIZE, IMAGE_SIZE, 1], [0, 0], -1.0, 1.0)
    labels = tf.range(batch_size) // EXAMPLES_PER_CLASS
    return lambda: step(images, labels)


def memory_workload(batch_size: str, chunks: str):
    step = small_step(int(chunks))
    return bound(step, SMALL), bound(step, int(batch_size))


if __name__ == "__main__":
    tf.test.main()
