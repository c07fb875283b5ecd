"""ArcFace against a tenth of the class proxies (``class_share``) and against all: time and memory of a step."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable

import tensorflow as tf

import ccp
from benchmarks.figures import FigureBenchmark
from benchmarks.memory import peak_growth
from benchmarks.sizes import BATCH_SIZE, EMBEDDING_SIZE, batch_labels, vectors
from benchmarks.timing import ratio, take_turns

SHARE = 0.1
ROUNDS = {100_000: 40, 1_000_000: 8}
_SMALL = 1000


class SampledClassesBenchmark(FigureBenchmark):
    def benchmark_time(self):
        for num_classes, rounds in ROUNDS.items():
            for what, build in WORKLOADS.items():
                sides = {f"{share:g}": build(num_classes, share) for share in (SHARE, 1.0)}
                times = take_turns(sides, rounds, warm_up=2)
                measured = ratio(times[f"{SHARE:g}"].wall, times["1"].wall)
                name = f"arcface, {num_classes:,} classes, class_share {SHARE:g}, {what}"
                self.record_ratio(name, "class_share 1", measured)
                self.record_rate(f"{name}, steps", times[f"{SHARE:g}"].wall)

    def benchmark_memory(self):
        for num_classes in ROUNDS:
            for what in WORKLOADS:
                for share in (SHARE, 1.0):
                    workload = "benchmarks.sampled_classes:memory_workload"
                    megabytes = peak_growth(workload, what, str(num_classes), str(share))
                    name = f"arcface, {num_classes:,} classes, class_share {share:g}, {what}"
                    self.record_memory(f"{name}, above proxies and moments", megabytes)


def loss_of(num_classes: int, share: float) -> ccp.ReferenceLoss:
    """ArcFace with one proxy for each class."""
    return ccp.ReferenceLoss(
        ccp.ArcFaceLoss(), ccp.ClassProxies(num_classes, 1, EMBEDDING_SIZE, seed=1), class_share=share
    )


def gradients(num_classes: int, share: float) -> Callable[[], object]:
    """The loss and its gradients to embeddings and proxies; that of a sample is sparse."""
    loss, labels, embeddings = _inputs(num_classes, share)

    @tf.function
    def differentiated():
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(labels, embeddings)
        return value, tape.gradient(value, [embeddings, *loss.trainable_variables])

    return differentiated


def adam_step(num_classes: int, share: float) -> Callable[[], object]:
    """The same and a step of Adam on all proxies, as the trainer makes it."""
    loss, labels, embeddings = _inputs(num_classes, share)
    optimizer = tf.keras.optimizers.Adam(1e-5)
    optimizer.build(loss.trainable_variables)

    @tf.function
    def stepped():
        with tf.GradientTape() as tape:
            value = loss(labels, embeddings)
        proxies = loss.trainable_variables
        dense = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(value, proxies)]
        optimizer.apply_gradients(zip(dense, proxies))
        return value

    return stepped


WORKLOADS = {"forward and backward": gradients, "with Adam": adam_step}


def memory_workload(what: str, num_classes: str, share: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """For ``benchmarks.memory``: at a small number of classes, and at a large one."""
    build = functools.partial(WORKLOADS[what], share=float(share))
    small, full = build(_SMALL), build(int(num_classes))
    gc.collect()  # What proxies were made from is as large as they are.
    return small, full


def _inputs(num_classes: int, share: float) -> tuple[ccp.ReferenceLoss, tf.Tensor, tf.Tensor]:
    return loss_of(num_classes, share), batch_labels(num_classes), vectors(BATCH_SIZE, EMBEDDING_SIZE, seed=1)


if __name__ == "__main__":
    tf.test.main()
