"""The scores of all pairs, a tile at a time: which may be among a query's nearest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from evaluate.search.candidates import CandidatePool, first_thresholds, reaching
from evaluate.search.pair_scores import LOWEST, Factor, PairScores


class Found(NamedTuple):
    """Pairs that a tile adds to a strip's pool: its index, and the columns of ``CandidatePool.add``."""

    strip: int
    queries: np.ndarray
    references: np.ndarray
    upper: np.ndarray


def strips(number: int, width: int) -> list[slice]:
    """Slices of that width which cover a number of rows."""
    return [slice(start, min(start + width, number)) for start in range(0, number, width)]


def thresholds_among_neighbors(factor: Factor, counts: np.ndarray, scores: PairScores, width: int) -> np.ndarray:
    """First thresholds of vectors that search each other, [num_vectors], from those next to each in their order."""
    thresholds = np.empty(len(counts), np.float32)
    for strip in strips(len(counts), width):
        part = factor.rows(strip)
        upper = _product(part.matrix, part.as_references())
        lower = upper - scores.slack(part.squared_norms[:, np.newaxis], part.squared_norms)
        np.fill_diagonal(lower, LOWEST)
        thresholds[strip] = first_thresholds(lower, counts[strip])
    return thresholds


def fill_among(pools: list[CandidatePool], factor: Factor, width: int) -> None:
    """Fills the pools of vectors that search each other; the scores are symmetric, so a tile serves both its sides.

    Fast if vectors with similar thresholds stand together, the lowest first: what reaches the thresholds of a tile's
    queries is then most of what reaches those of its references, and one look at the tile finds both.
    """
    all_strips = strips(len(factor.squared_norms), width)

    def tile(row: int, column: int, queries: tf.Tensor) -> list[Found]:
        as_queries, as_references = pools[column].thresholds.copy(), pools[row].thresholds.copy()
        upper = _product(factor.matrix[all_strips[row]], queries)
        columns, rows, upper = reaching(upper, np.minimum(as_queries, as_references.min()))
        # No vector is a reference of itself.
        own = (upper >= as_queries[columns]) & ((rows != columns) | (row != column))
        found = [Found(column, columns[own], rows[own] + all_strips[row].start, upper[own])]
        if row != column:
            own = upper >= as_references[rows]
            found.append(Found(row, rows[own], columns[own] + all_strips[column].start, upper[own]))
        return found

    def tasks() -> Iterator[tuple]:
        for column, strip in enumerate(all_strips):
            queries = tf.constant(factor.rows(strip).as_references())
            for row in range(column, len(all_strips)):
                yield tile, row, column, queries

    _run(tasks(), pools)


def fill_from_gallery(
    pools: list[CandidatePool], factor: Factor, reference_norms: np.ndarray, scores: PairScores, width: int
) -> None:
    """Fills the pools of queries that search a gallery.

    Args:
      pools: one for each strip of queries.
      factor: the queries.
      reference_norms: [num_references], filled with their squared norms; the pools share it.
      scores: of the search.
      width: queries, and references, of a tile.
    """
    all_strips = strips(len(factor.squared_norms), width)
    matrices = [tf.constant(factor.rows(strip).as_references()) for strip in all_strips]

    def tile(column: int, start: int, references: Factor) -> list[Found]:
        upper, pool = _product(references.matrix, matrices[column]), pools[column]
        thresholds = pool.thresholds.copy()
        unknown = np.flatnonzero(thresholds == np.float32(LOWEST))
        if len(unknown):
            slack = scores.slack(pool.query_norms[unknown, np.newaxis], references.squared_norms)
            thresholds[unknown] = first_thresholds(upper[:, unknown].T - slack, pool.counts[unknown])
            pool.raise_thresholds(thresholds)
        columns, rows, upper = reaching(upper, thresholds)
        return [Found(column, columns, rows + start, upper)]

    def tasks() -> Iterator[tuple]:
        for start, block in scores.references.blocks(width):
            references = scores.factor(block)
            reference_norms[start : start + len(block)] = references.squared_norms
            for column in range(len(all_strips)):
                yield tile, column, start, references

    _run(tasks(), pools)


def _run(tasks: Iterator[tuple[Callable[..., list[Found]], ...]], pools: list[CandidatePool]) -> None:
    """Computes tiles on all processors, and adds what they find to the pools, in this thread alone."""
    processors = os.cpu_count() or 1
    with futures.ThreadPoolExecutor(processors) as threads:
        waiting = []
        for task in tasks:
            waiting.append(threads.submit(*task))
            if len(waiting) > processors:
                _add(waiting.pop(0).result(), pools)
        for future in waiting:
            _add(future.result(), pools)


def _add(found: list[Found], pools: list[CandidatePool]) -> None:
    for strip, *pairs in found:
        pools[strip].add(*pairs)


def _product(first: np.ndarray | tf.Tensor, second: np.ndarray | tf.Tensor) -> np.ndarray:
    # On the CPU also where there is a GPU: there float32 may be multiplied with fewer bits.
    with tf.device("CPU"):
        return tf.matmul(first, second, transpose_b=True).numpy()
