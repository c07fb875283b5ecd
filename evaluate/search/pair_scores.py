"""Which of two references is nearer: fast scores with a proven error, and exact distances behind them.

The distance between two embeddings is *defined* as the root of the float64 sum over the dimensions of (q − r)², taken
from the two vectors themselves, so that equal references tie exactly. The score of a pair is −distance²/2: the higher,
the nearer. A matrix product gives an upper bound of it, and less a slack, a lower bound.

With both vectors less a common centre, in units of the largest value, x and y of n = embedding size entries,
and N = ‖x‖² + ‖y‖², u the unit roundoff of the type (float32: 2⁻²⁴):

- x − centre is rounded to the type: the distance changes by at most u(‖x‖ + ‖y‖), half its square by 2uN;
- the product of n + 2 terms, in any order: γ(n + 2) Σ|x y| ≤ (n + 2)uN, and 1% for γ as long as n < 10⁵;
- ‖·‖²/2 rounded: uN/2; bounds rounded when they are taken: 3uN.

Together less than c N with c = 1.01 (n + 16) u; where entries underflow, at most ``floor`` besides. The upper bound is
made in the product itself, by two more dimensions that carry ‖·‖²(c − ½).
"""

from __future__ import annotations

import copy
import dataclasses

import numpy as np

from evaluate.errors import EvaluationError
from evaluate.search.vectors import Vectors

_CENTRE_ROWS = 1000
_PAIR_ENTRIES = 500_000
LOWEST = -1e30  # No score of finite embeddings is as low.


@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """Vectors made ready to be a factor of the product.

    Attributes:
      matrix: [rows, embedding_size + 2], as queries; see ``as_references``.
      squared_norms: [rows].
    """

    matrix: np.ndarray
    squared_norms: np.ndarray

    def rows(self, chosen: slice | np.ndarray) -> Factor:
        """Some of the rows."""
        return Factor(self.matrix[chosen], self.squared_norms[chosen])

    def as_references(self) -> np.ndarray:
        """The matrix as the other factor: the product of both has the upper bounds of the scores."""
        matrix = self.matrix.copy()
        matrix[:, -2:] = self.matrix[:, :-3:-1]
        return matrix


class PairScores:
    """Bounds of −distance²/2, and exact distances, for pairs of a query and a reference.

    Args:
      queries: [num_queries, embedding_size].
      references: [num_references, embedding_size]; the same object as ``queries`` if the queries search each other.

    Attributes:
      leave_one_out: whether they do; a query is then no reference of itself.

    Raises:
      EvaluationError: the embedding sizes differ.
    """

    def __init__(self, queries: Vectors, references: Vectors):
        if queries.size != references.size:
            raise EvaluationError(
                f"Queries have {queries.size} dimensions and the gallery {references.size}; embed both with one model."
            )
        self.queries, self.references = queries, references
        self.leave_one_out = queries is references
        self._size = references.size
        largest = max(queries.largest, references.largest)
        sampled = np.linspace(0, len(references) - 1, min(_CENTRE_ROWS, len(references))).astype(np.int64)
        sample = references.take(np.unique(sampled)).astype(np.float64)
        # A power of two, by which nothing is rounded. Halved for the centre.
        self._exponent = -int(np.frexp(largest)[1]) - 1
        # The median: far from the origin, and beside outliers, differences between the many stay large compared with
        # the norms. Scaled first, as the median adds two values, which may be the largest that there are.
        self._centre = np.median(np.ldexp(sample, self._exponent), axis=0)
        self._exact_exponent = self._exponent if not 1e-60 < largest < 1e60 else 0

    def reordered(self, order: np.ndarray) -> PairScores:
        """The scores of vectors that search each other, in another order."""
        scores = copy.copy(self)
        scores.queries = scores.references = self.references.choose(order)
        return scores

    def factor(self, block: np.ndarray, dtype: type = np.float32) -> Factor:
        """Prepares vectors [rows, embedding_size] for the product."""
        centred = np.ldexp(block.astype(np.float64), self._exponent) - self._centre
        squared_norms = np.einsum("ij,ij->i", centred, centred)
        matrix = np.empty((len(block), self._size + 2), dtype)
        matrix[:, :-2] = centred
        matrix[:, -2] = 1.0
        matrix[:, -1] = squared_norms * (self._margin(dtype) - 0.5) + self._floor(dtype)
        return Factor(matrix, squared_norms.astype(dtype))

    def whole_factor(self, vectors: Vectors) -> Factor:
        """Prepares all of some vectors, block by block."""
        whole = Factor(np.empty((len(vectors), self._size + 2), np.float32), np.empty(len(vectors), np.float32))
        for start, block in vectors.blocks():
            part, rows = self.factor(block), slice(start, start + len(block))
            whole.matrix[rows], whole.squared_norms[rows] = part.matrix, part.squared_norms
        return whole

    def slack(self, query_norms: np.ndarray, reference_norms: np.ndarray) -> np.ndarray:
        """By how much the upper bound may exceed the lower one, from the squared norms of both; they broadcast."""
        dtype = query_norms.dtype.type
        return dtype(2 * self._margin(dtype)) * (query_norms + reference_norms) + dtype(4 * self._floor(dtype))

    def bounds(self, queries: Factor, references: Factor) -> tuple[np.ndarray, np.ndarray]:
        """Upper and lower bounds of the scores, [queries, references] each."""
        upper = queries.matrix @ references.as_references().T
        return upper, upper - self.slack(queries.squared_norms[:, np.newaxis], references.squared_norms)

    def rounded_distances(self, queries: Factor, references: Factor) -> np.ndarray:
        """Euclidean distances of all pairs, rounded to float32, [queries, references], from factors in float64.

        Where the bounds of a score leave 0 open, the distance is 0, so that equal vectors tie.
        """
        upper, lower = self.bounds(queries, references)
        squared = np.where(upper >= 0, 0.0, -(upper + lower))
        return np.ldexp(np.sqrt(squared), -self._exponent).astype(np.float32)

    def distances(self, queries: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Euclidean distances of pairs, [pairs], from their indices [pairs]."""
        return np.ldexp(np.sqrt(self.squared_distances(queries, references)), -self._exact_exponent)

    def squared_distances(self, queries: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Squared distances of pairs as they are defined, [pairs]; scaled, so only comparable with each other."""
        squared = np.empty(len(queries))
        step = max(1, _PAIR_ENTRIES // self._size)
        for start in range(0, len(queries), step):
            pairs = slice(start, start + step)
            first, second = self.queries.take(queries[pairs]), self.references.take(references[pairs])
            if self._exact_exponent:  # Squares would overflow, or vanish; so may what is scaled in float32.
                first, second = (np.ldexp(rows.astype(np.float64), self._exact_exponent) for rows in (first, second))
            squared[pairs] = _squared_norms(np.subtract(first, second, dtype=np.float64))
        return squared

    def _margin(self, dtype: type) -> float:
        """The c above: a score errs by less than c times the sum of both squared norms."""
        if dtype == np.float32:
            return 1.01 * (self._size + 16) * 2.0**-24
        # Here the rounding of the distance's own definition counts as well: n u distance² / 2 ≤ n u N.
        return 1.01 * (2 * self._size + 32) * 2.0**-53

    def _floor(self, dtype: type) -> float:
        """What underflow may add to that."""
        return (self._size + 16) * (2.0**-118 if dtype == np.float32 else 2.0**-1000)


def _squared_norms(rows: np.ndarray) -> np.ndarray:
    if len(rows) == 1:  # Alone, a row of more than 8,192 entries would be added in another order than beside others.
        return _squared_norms(np.repeat(rows, 2, axis=0))[:1]
    return np.einsum("ij,ij->i", rows, rows)
