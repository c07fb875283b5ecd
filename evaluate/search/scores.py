"""Which of two references is nearer: fast scores with a proven error, and the exact distance behind them.

The distance between two embeddings is *defined* as the float64 sum over the dimensions of (q − r)², taken from
the two vectors themselves, so that equal references tie exactly. The score of a pair is −(that)/2, of which a
matrix product gives bounds from above and from below.

With both vectors less a common centre, in units of the largest value, x and y of n = embedding size entries,
and N = ‖x‖² + ‖y‖², u the unit roundoff of the type (float32: 2⁻²⁴):

- x − centre is rounded to the type: the distance changes by at most u(‖x‖ + ‖y‖), half its square by 2uN;
- the product of n + 2 terms, in any order: γ(n + 2) Σ|x y| ≤ (n + 2)uN, and 1% for γ as long as n < 10⁵;
- ‖·‖²/2 rounded: uN/2; bounds rounded when they are taken: 3uN.

Together less than c N with c = 1.01 (n + 16) u; where entries underflow, at most ``floor`` besides. The bound from
above is made in the product itself, by two more dimensions that carry ‖·‖²(c − ½).
"""

from __future__ import annotations

import numpy as np

from evaluate.search.rows import Rows

_CENTRE_ROWS = 1000
_PAIR_ENTRIES = 500_000
# No score of finite embeddings is as low.
NOTHING = -1e30


class Scores:
    """Bounds of −distance²/2 for pairs of rows.

    Args:
      references: what is searched.
      largest: the largest absolute value in references and queries.
    """

    def __init__(self, references: Rows, largest: float):
        self.size = references.size
        every = np.linspace(0, len(references) - 1, min(_CENTRE_ROWS, len(references))).astype(np.int64)
        # By the median: far from the origin, and beside outliers, differences between the many stay large
        # compared with the norms.
        some = references.take(np.unique(every)).astype(np.float64)
        # A power of two, by which nothing is rounded. Halved for the centre.
        self._exponent = -int(np.frexp(largest)[1]) - 1
        # Scaled first: the median adds two values, which may be the largest that there are.
        self._centre = np.median(np.ldexp(some, self._exponent), axis=0)
        self._exact_exponent = self._exponent if not 1e-60 < largest < 1e60 else 0

    def margin(self, dtype: type) -> float:
        """The c above: a score errs by less than c times the sum of both squared norms."""
        if dtype == np.float32:
            return 1.01 * (self.size + 16) * 2.0**-24
        # Here the rounding of the distance's own definition counts as well: n u distance² / 2 ≤ n u N.
        return 1.01 * (2 * self.size + 32) * 2.0**-53

    def floor(self, dtype: type) -> float:
        """What underflow may add to that."""
        return (self.size + 16) * (2.0**-118 if dtype == np.float32 else 2.0**-1000)

    def side(self, block: np.ndarray, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
        """A block as the queries' side of the product, and its squared norms.

        Returns:
          [rows, embedding_size + 2] and [rows].
        """
        centred = np.ldexp(block.astype(np.float64), self._exponent) - self._centre
        squares = np.einsum("ij,ij->i", centred, centred)
        side = np.empty((len(block), self.size + 2), dtype)
        side[:, :-2] = centred
        side[:, -2] = 1.0
        side[:, -1] = squares * (self.margin(dtype) - 0.5) + self.floor(dtype)
        return side, squares.astype(dtype)

    def slack(self, query_squares: np.ndarray, reference_squares: np.ndarray) -> np.ndarray:
        """By how much the bound from above may exceed the one from below."""
        dtype = query_squares.dtype.type
        return dtype(2 * self.margin(dtype)) * (query_squares + reference_squares) + dtype(4 * self.floor(dtype))

    def of_distance(self, squared: np.ndarray) -> np.ndarray:
        """The scores of what ``distances`` returns."""
        return -np.ldexp(squared, 2 * (self._exponent - self._exact_exponent) - 1)

    def distances(self, queries: Rows, references: Rows, query: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Squared distances of pairs as they are defined, [pairs]; only to be compared with each other."""
        found = np.empty(len(query))
        step = max(1, _PAIR_ENTRIES // self.size)
        for start in range(0, len(query), step):
            pairs = slice(start, start + step)
            ours, theirs = queries.take(query[pairs]), references.take(reference[pairs])
            if self._exact_exponent:  # Squares would overflow, or vanish; so may what is scaled in float32.
                ours, theirs = (np.ldexp(side.astype(np.float64), self._exact_exponent) for side in (ours, theirs))
            found[pairs] = _squared_norms(np.subtract(ours, theirs, dtype=np.float64))
        return found


def _squared_norms(rows: np.ndarray) -> np.ndarray:
    if len(rows) == 1:  # Alone, a row of more than 8,192 entries would be added in another order than beside others.
        return _squared_norms(np.repeat(rows, 2, axis=0))[:1]
    return np.einsum("ij,ij->i", rows, rows)


def other_side(side: np.ndarray) -> np.ndarray:
    """What was made as the queries' side, as the references'."""
    other = side.copy()
    other[:, -2:] = side[:, :-3:-1]
    return other
