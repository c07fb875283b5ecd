"""Exact retrieval metrics: time relative to multiplying all pairs, and memory, at the sizes of the data sets."""

from __future__ import annotations

import contextlib
import dataclasses
import io

import numpy as np
import tensorflow as tf

from benchmarks.figures import FigureBenchmark, table
from benchmarks.memory import peak_growth
from benchmarks.timing import ratio, take_turns
from evaluate import retrieval_metrics

_BLOCK = 1024


@dataclasses.dataclass(frozen=True)
class TestSet:
    """A test set with the counts of a real one.

    Attributes:
      noise: around the class centres, such that MAP@R at 128 dimensions is about 0.4.
      num_queries: the first so many search the others; without, all search each other.
    """

    name: str
    num_examples: int
    num_classes: int
    noise: float
    embedding_size: int = 128
    num_queries: int | None = None

    @property
    def title(self) -> str:
        return f"{self.name}, {self.embedding_size}-D"


CUB = TestSet("CUB", 5_924, 100, noise=1.45)
IN_SHOP = TestSet("In-Shop", 14_218 + 12_612, 3_985, noise=1.5, num_queries=14_218)
SOP = TestSet("SOP", 60_502, 11_316, noise=1.45)
SOP_512 = dataclasses.replace(SOP, embedding_size=512, noise=2.3)
COLLAPSED = dataclasses.replace(SOP, name="SOP with all embeddings equal", noise=0.0)
SETS = {one.title: one for one in (CUB, IN_SHOP, SOP, SOP_512, COLLAPSED)}


class RetrievalBenchmark(FigureBenchmark):
    def benchmark_time_of_all_pairs(self):
        for one, rounds, goal in ((SOP, 5, 0.9), (SOP_512, 2, 0.9), (COLLAPSED, 1, None)):
            arguments = arguments_of(one)
            sides = {"ours": lambda a=arguments: metrics(a), "product": lambda a=arguments: multiply(a)}
            times = take_turns(sides, rounds, warm_up=1)
            found = ratio(times["ours"].wall, times["product"].wall)
            self.record_ratio(f"Metrics of {one.title}", "multiplying all pairs in blocks", found, goal)

    def benchmark_memory(self):
        for one in SETS.values():
            megabytes = peak_growth("benchmarks.retrieval:memory_workload", one.title)
            self.record_memory(f"Metrics of {one.title}, above the embeddings", megabytes, 600)


def embeddings(one: TestSet, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around class centres, and their labels, each class about as large as the others."""
    random = np.random.default_rng(seed)
    labels = np.resize(np.arange(one.num_classes), one.num_examples)
    random.shuffle(labels)
    if not one.noise:
        return np.full((one.num_examples, one.embedding_size), 0.1, np.float32), labels
    points = random.standard_normal((one.num_classes, one.embedding_size), dtype=np.float32)[labels]
    points += np.float32(one.noise) * random.standard_normal(points.shape, dtype=np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True), labels


def arguments_of(one: TestSet) -> tuple[np.ndarray, ...]:
    """Of ``retrieval_metrics``."""
    points, labels = embeddings(one)
    first = one.num_queries
    return (points, labels) if first is None else (points[:first], labels[:first], points[first:], labels[first:])


def metrics(arguments: tuple[np.ndarray, ...]) -> list:
    retrieval_metrics(*arguments)
    return []


def multiply(arguments: tuple[np.ndarray, ...]) -> list:
    """All float32 products of queries and references and nothing else, a block of queries at a time."""
    queries, references = tf.constant(arguments[0]), tf.constant(arguments[-2])
    for start in range(0, len(arguments[0]), _BLOCK):
        tf.matmul(queries[start : start + _BLOCK], references, transpose_b=True)
    return []


def memory_workload(title: str):
    """For ``benchmarks.memory``: with a few examples, and with all."""
    arguments = arguments_of(SETS[title])
    return lambda: metrics(tuple(array[:100] for array in small_of(arguments))), lambda: metrics(arguments)


def small_of(arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Labels that some examples share, whatever comes first."""
    return tuple(array if array.ndim == 2 else np.arange(len(array)) % 10 for array in arguments)


if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()):  # Where TensorFlow prints a record of every figure.
        figures = RetrievalBenchmark().run_all()
    print(table(figures))
