"""Pair losses against the proxies of SOP: time relative to the bare matrix product, and memory."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from benchmarks.figures import FigureBenchmark
from benchmarks.memory import peak_growth
from benchmarks.sizes import BATCH_SIZE, EMBEDDING_SIZE, SOP, batch_labels, vectors
from benchmarks.timing import ratio, take_turns
from ccp import ContrastiveLoss, MultiSimilarityLoss, PairLoss, TripletLoss

ROUNDS = 60
FORWARD_CALLS = 2
# With the paper's settings for SOP.
LOSSES = {
    "contrastive": ContrastiveLoss(pos_margin=0.2858, neg_margin=0.5130),
    "multi_similarity": MultiSimilarityLoss(alpha=2.0, beta=40.0, base=0.5),
    "triplet": TripletLoss(margin=0.0451),
}
TIME_GOALS = {"contrastive": 3.0, "multi_similarity": 3.0, "triplet": 10.0}
MEMORY_GOAL = 200.0
MATMUL = "matmul"


class LossesBenchmark(FigureBenchmark):
    def benchmark_forward_and_backward(self):
        self._compare("forward and backward", differentiated, calls_per_turn=1, goals=TIME_GOALS)

    def benchmark_forward(self):
        self._compare("forward", tf.function, calls_per_turn=FORWARD_CALLS, goals={})

    def benchmark_memory(self):
        for name in (MATMUL, *LOSSES):
            megabytes = peak_growth("benchmarks.losses:memory_workload", name)
            goal = None if name == MATMUL else MEMORY_GOAL
            self.record_memory(f"{name}, forward and backward, above the proxies", megabytes, goal)

    def _compare(self, what, compile_function, calls_per_turn, goals):
        embeddings, proxies = inputs(SOP.num_classes)
        sides = {MATMUL: _bound(compile_function(matmul), embeddings, proxies)}
        for name, loss in LOSSES.items():
            sides[name] = _bound(compile_function(against_proxies(loss, SOP.num_classes)), embeddings, proxies)
        times = take_turns(sides, ROUNDS, calls_per_turn)
        for name in LOSSES:
            measured = ratio(times[name].wall, times[MATMUL].wall)
            self.record_ratio(f"{name}, {what}", "embeddings · proxiesᵀ", measured, goals.get(name))


def inputs(num_classes: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Embeddings [BATCH_SIZE, EMBEDDING_SIZE] and proxies [num_classes · SOP.proxies_per_class, EMBEDDING_SIZE]."""
    return (
        vectors(BATCH_SIZE, EMBEDDING_SIZE, seed=1),
        vectors(num_classes * SOP.proxies_per_class, EMBEDDING_SIZE, seed=2),
    )


def matmul(embeddings: tf.Tensor, proxies: tf.Tensor) -> tf.Tensor:
    """What any loss over all pairs has to compute: [BATCH_SIZE, proxies]."""
    return tf.matmul(embeddings, proxies, transpose_b=True)


def against_proxies(loss: PairLoss, num_classes: int) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The loss as a function of embeddings and proxies."""
    labels = batch_labels(num_classes)
    proxy_labels = tf.repeat(tf.range(num_classes, dtype=tf.int64), SOP.proxies_per_class)
    return lambda embeddings, proxies: loss.against(labels, embeddings, proxy_labels, proxies)


def differentiated(function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]):
    """A compiled function that returns the value and both gradients.

    Where the value is a matrix, the matrix itself is taken as the upstream gradient: it is there already.
    """

    @tf.function
    def value_and_gradients(embeddings, proxies):
        with tf.GradientTape() as tape:
            tape.watch([embeddings, proxies])
            value = function(embeddings, proxies)
        upstream = value if value.shape.rank else None
        return value, tape.gradient(value, [embeddings, proxies], output_gradients=upstream)

    return value_and_gradients


def memory_workload(name: str):
    """For ``benchmarks.memory``: forward and backward at a small number of classes, and at SOP's."""

    def at(num_classes):
        function = matmul if name == MATMUL else against_proxies(LOSSES[name], num_classes)
        return _bound(differentiated(function), *inputs(num_classes))

    return at(100), at(SOP.num_classes)


def _bound(function, *arguments):
    return lambda: function(*arguments)


if __name__ == "__main__":
    tf.test.main()
