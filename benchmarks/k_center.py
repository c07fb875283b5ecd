"""Greedy k-center over a whole pool: time relative to what surrounds it, and memory."""

from __future__ import annotations

import tensorflow as tf

from benchmarks.figures import FigureBenchmark
from benchmarks.memory import peak_growth
from benchmarks.sizes import BATCH_SIZE, CUB, EMBEDDING_SIZE, SOP, Size, vectors
from benchmarks.timing import ratio, take_turns
from benchmarks.training_step import BASE_LOSSES, IMAGE_SIZE, images, step_of, step_trainer
from ccp import ProxyReinitializer
from evaluate.embedding import Embedder

ROUNDS = 20
SIZES = {size.name: size for size in (CUB, SOP)}


class KCenterBenchmark(FigureBenchmark):
    def benchmark_time(self):
        trainer = step_trainer(f"ccp/{BASE_LOSSES[0]}", IMAGE_SIZE)
        embedder, batch = Embedder(trainer.model), images(BATCH_SIZE, IMAGE_SIZE)
        sides = {name: reinitialization(size) for name, size in SIZES.items()}
        times = take_turns({**sides, "embed": lambda: embedder.raw([batch]), "step": step_of(trainer)}, ROUNDS)
        for name, size in SIZES.items():
            self.record_ratio(_title(size), "embedding one batch", ratio(times[name].wall, times["embed"].wall))
            self.record_ratio(_title(size), "a training step of CCP", ratio(times[name].wall, times["step"].wall))

    def benchmark_memory(self):
        for name, size in SIZES.items():
            megabytes = peak_growth("benchmarks.k_center:memory_workload", name)
            self.record_memory(f"{_title(size)}, above candidates and proxies", megabytes)


def reinitialization(size: Size):
    """New proxies from a pool and the current proxies, run as a projection runs it."""
    layer = ProxyReinitializer(size.proxies_per_class)
    candidates = vectors(size.num_classes, size.candidates_per_class, EMBEDDING_SIZE, seed=3)
    proxies = vectors(size.num_classes, size.proxies_per_class, EMBEDDING_SIZE, seed=4)
    return lambda: layer(candidates, proxies)


def memory_workload(name: str):
    """For ``benchmarks.memory``: at two classes, and at the size's."""
    size = SIZES[name]
    return reinitialization(Size("small", 2, size.proxies_per_class, size.candidates_per_class)), reinitialization(size)


def _title(size: Size) -> str:
    return f"k-center at {size.name}, {size.num_classes} × {size.candidates_per_class} to {size.proxies_per_class}"


if __name__ == "__main__":
    tf.test.main()
