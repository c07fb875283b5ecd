"""All pairs of scores, a tile at a time, for what may be among the nearest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent import futures

import numpy as np
import tensorflow as tf

from evaluate.search import candidates
from evaluate.search.rows import Rows
from evaluate.search.scores import NOTHING, Scores, other_side


class Side:
    """Rows made ready for the product.

    Args:
      rows: [number, embedding_size].
      scores: of the search.

    Attributes:
      matrix: [number, embedding_size + 2] as the queries' side, until it is ``taken_apart``.
      squares: [number] squared norms.
    """

    def __init__(self, rows: Rows, scores: Scores):
        self.matrix = np.empty((len(rows), scores.size + 2), np.float32)
        self.squares = np.empty(len(rows), np.float32)
        for start, block in rows.blocks():
            here = slice(start, start + len(block))
            self.matrix[here], self.squares[here] = scores.side(block)

    def reorder(self, order: np.ndarray) -> None:
        """Puts the rows in that order."""
        self.matrix, self.squares = self.matrix[order], self.squares[order]

    def taken_apart(self, strips: list[slice]) -> list[tf.Tensor]:
        """The matrix as tensors of so many rows; it is gone then, as it would be there twice."""
        matrix, self.matrix = self.matrix, None
        return [tf.constant(matrix[strip]) for strip in strips]


def spans(number: int, width: int) -> list[slice]:
    """Slices of that width which cover a number of rows."""
    return [slice(start, min(start + width, number)) for start in range(0, number, width)]


def bounds_among_neighbours(side: Side, counts: np.ndarray, scores: Scores, width: int) -> np.ndarray:
    """For each row a score that as many others as it wants are sure to reach: from those next to it, [rows]."""
    bounds = np.empty(len(counts), np.float32)
    for span in spans(len(counts), width):
        high = _product(tf.constant(side.matrix[span]), tf.constant(other_side(side.matrix[span])))
        low = high - scores.slack(side.squares[span, np.newaxis], side.squares[span])
        np.fill_diagonal(low, NOTHING)
        bounds[span] = candidates.first_bounds(low, counts[span])
    return bounds


def gather_among(side: Side, pools: list[candidates.Pool], scores: Scores, width: int) -> None:
    """Fills the pools of rows that search each other: the scores are symmetric, so each tile serves both sides.

    Fast if rows with similar bounds stand together, the loosest first: what reaches the bounds of a tile's
    queries is then most of what reaches those of its references, and one look at the tile finds both.
    """
    strips = spans(len(side.squares), width)
    parts = side.taken_apart(strips)

    def tile(row: int, column: int, queries: tf.Tensor) -> list:
        ours, theirs = pools[column].bounds.copy(), pools[row].bounds.copy()
        columns, rows, values = candidates.above(_product(parts[row], queries), np.minimum(ours, theirs.min()))
        mine = (values >= ours[columns]) & ((rows != columns) | (row != column))
        found = [(column, columns[mine], rows[mine] + strips[row].start, values[mine])]
        if row != column:
            its = values >= theirs[rows]
            found.append((row, rows[its], columns[its] + strips[column].start, values[its]))
        return found

    def work() -> Iterator[tuple]:
        for column in range(len(strips)):
            queries = tf.constant(other_side(parts[column].numpy()))
            for row in range(column, len(strips)):
                yield tile, row, column, queries

    _run(work(), pools)


def gather_from(
    references: Rows, squares: np.ndarray, side: Side, pools: list[candidates.Pool], scores: Scores, width: int
) -> None:
    """Fills the pools of rows that search others, and ``squares`` with the references' squared norms."""
    strips = spans(len(side.squares), width)
    parts = [tf.constant(other_side(side.matrix[strip])) for strip in strips]

    def tile(column: int, span: slice, there: tf.Tensor) -> list:
        values, pool = _product(there, parts[column]), pools[column]
        bounds = pool.bounds.copy()
        unknown = np.flatnonzero(bounds == np.float32(NOTHING))
        if len(unknown):
            slack = scores.slack(side.squares[strips[column]][unknown, np.newaxis], squares[span])
            bounds[unknown] = candidates.first_bounds(values[:, unknown].T - slack, pool.counts[unknown])
            pool.raise_bounds(bounds)
        columns, rows, values = candidates.above(values, bounds)
        return [(column, columns, rows + span.start, values)]

    def work() -> Iterator[tuple]:
        for span in spans(len(references), width):
            matrix, squares[span] = scores.side(references.block(span.start, span.stop))
            there = tf.constant(matrix)
            for column in range(len(strips)):
                yield tile, column, span, there

    _run(work(), pools)


def _run(work: Iterator[tuple], pools: list[candidates.Pool]) -> None:
    number = os.cpu_count() or 1
    with futures.ThreadPoolExecutor(number) as threads:
        waiting = []
        for task in work:
            waiting.append(threads.submit(*task))
            if len(waiting) > number:
                _add(waiting.pop(0).result(), pools)
        for future in waiting:
            _add(future.result(), pools)


def _add(found: list, pools: list[candidates.Pool]) -> None:
    for row, *entries in found:
        pools[row].add(*entries)


def _product(side: tf.Tensor, other: tf.Tensor) -> np.ndarray:
    # On the CPU also where there is a GPU: there float32 may be multiplied with fewer bits.
    with tf.device("CPU"):
        return tf.matmul(side, other, transpose_b=True).numpy()
