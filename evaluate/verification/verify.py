"""Error rates of "of one class" at a distance threshold, exactly, over all pairs.

A pair is *genuine* if both images are of one class, and an *impostor* pair otherwise. At a threshold t, pairs nearer
than t match. The false match rate (FMR) is the share of impostor pairs that match, the false non-match rate (FNMR) the
share of genuine pairs that do not (ISO/IEC 19795-1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccp.wording import counted
from datasets.manifest import GALLERY, QUERY
from evaluate.errors import EvaluationError
from evaluate.metrics.retrieval import labelled_sets
from evaluate.verification.counts import Counts, KindCounts, bin_of, count_below, count_by_bin
from evaluate.verification.pair_tiles import PairTiles
from evaluate.verification.resampling import FEWEST_CLASSES, Resamples, interval_95, resample
from evaluate.verification.result import Curve, OperatingPoint, Rate, Verification

FMRS = (1e-1, 1e-2, 1e-3, 1e-4)
# The rule of 30: with 30 errors, a rate of independent trials is within 30% of the true one at 90% confidence
# (Doddington et al., "The NIST speaker recognition evaluation", Speech Communication 2000).
FEWEST_ERRORS = 30
_EDGES_PER_DECADE = 20
_CURVE_POINTS_PER_DECADE = 8


def verify_by_role(
    embeddings: np.ndarray,
    labels: np.ndarray,
    roles: np.ndarray,
    fmrs: Sequence[float] = FMRS,
    thresholds: Sequence[float] = (),
) -> Verification:
    """``verify`` for a set in which queries and gallery may be separate; see ``evaluate_by_role``."""
    queries, gallery = roles == QUERY, roles == GALLERY
    if not queries.any():
        return verify(embeddings, labels, fmrs=fmrs, thresholds=thresholds)
    sets = embeddings[queries], labels[queries], embeddings[gallery], labels[gallery]
    return verify(*sets, fmrs=fmrs, thresholds=thresholds)


def verify(
    embeddings: np.ndarray,
    labels: np.ndarray,
    gallery_embeddings: np.ndarray | None = None,
    gallery_labels: np.ndarray | None = None,
    *,
    fmrs: Sequence[float] = FMRS,
    thresholds: Sequence[float] = (),
    seed: int = 0,
) -> Verification:
    """Error rates over all pairs, each counted once and none sampled; distances are Euclidean, rounded to float32.

    Args:
      embeddings: [number, embedding_size].
      labels: [number] integers, booleans or strings.
      gallery_embeddings: [gallery, embedding_size]: pairs are of an embedding and one of these. Without, they are of
        two different embeddings.
      gallery_labels: [gallery].
      fmrs: wanted false match rates, between 0 and 1.
      thresholds: given ones.
      seed: of the resampling of classes.

    Raises:
      EvaluationError: shapes do not fit, an embedding is not finite, or there is no genuine, or no impostor pair.
    """
    tiles = PairTiles(*labelled_sets(embeddings, labels, gallery_embeddings, gallery_labels), seed)
    num_pairs = KindCounts(*tiles.num_pairs)
    _check(num_pairs, fmrs, thresholds)
    lowest_fmr = FEWEST_ERRORS / num_pairs.impostor
    by_bin = count_by_bin(tiles)
    allowed = {fmr: int(fmr * num_pairs.impostor + 1e-9) for fmr in fmrs if fmr >= lowest_fmr}
    cumulative = KindCounts(*(np.cumsum(bins) for bins in by_bin))
    chosen = [int(np.searchsorted(cumulative.impostor, errors, side="right")) for errors in allowed.values()]
    chosen += [_equal_error_bin(cumulative), *bin_of(np.array(thresholds, np.float32))]
    counts = count_below(tiles, by_bin, _edge_bins(cumulative), chosen)
    enough = tiles.num_classes >= FEWEST_CLASSES
    resamples = resample(counts, tiles.group_of_pair, seed) if enough else None
    at_fmr = tuple(
        _at_fmr(fmr, allowed[fmr], counts, num_pairs, resamples) if fmr in allowed else _too_few(fmr, num_pairs)
        for fmr in fmrs
    )
    eer = _equal_error_rate(counts, num_pairs)
    return Verification(
        *num_pairs,
        num_classes=tiles.num_classes,
        classes_without_genuine=tiles.num_classes_without_genuine,
        lowest_fmr=lowest_fmr,
        eer=eer,
        eer_interval_95=resamples and interval_95(resamples.equal_error_rates(), eer),
        at_fmr=at_fmr,
        at_threshold=tuple(_at_threshold(t, counts, num_pairs, resamples) for t in thresholds),
        curve=_curve(counts, num_pairs, resamples),
        note=""
        if enough
        else f"no intervals: {counted(tiles.num_classes, 'class')}, and resampling needs {FEWEST_CLASSES}",
    )


def _check(num_pairs: KindCounts, fmrs: Sequence[float], thresholds: Sequence[float]) -> None:
    for fmr in fmrs:
        if not 0 < fmr < 1:
            raise EvaluationError(f"A rate of false matches is between 0 and 1; got {fmr}.")
    for threshold in thresholds:
        if not 0 <= threshold < np.inf:
            raise EvaluationError(f"A threshold is a distance, and so a number from 0; got {threshold}.")
    for name, count, needed in (
        ("genuine", num_pairs.genuine, "two images of one class"),
        ("impostor", num_pairs.impostor, "images of two classes"),
    ):
        if not count:
            raise EvaluationError(f"There is no {name} pair; verification needs {needed}.")


def _edge_bins(cumulative: KindCounts) -> np.ndarray:
    """Bins at which the counts of either kind pass steps that rise evenly in the logarithm, from both ends."""
    edges = [np.zeros(1, np.int64)]
    for counts in cumulative:
        total = counts[-1]
        steps = np.geomspace(1, total, 2 + int(_EDGES_PER_DECADE * np.log10(total)))
        places = np.searchsorted(counts, np.concatenate([steps, total + 1 - steps]))
        edges += [places, places + 1]
    return np.unique(np.concatenate(edges))


def _equal_error_bin(cumulative: KindCounts) -> int:
    """The bin in which FMR reaches FNMR."""
    genuine, impostor = (counts / counts[-1] for counts in cumulative)
    return int(np.argmax(impostor + genuine >= 1.0))


def _equal_error_rate(counts: Counts, num_pairs: KindCounts) -> float:
    fmr = counts.below_distances.impostor / num_pairs.impostor
    fnmr = 1.0 - counts.below_distances.genuine / num_pairs.genuine
    place = int(np.argmax(fmr >= fnmr))  # The first, and not 0, as there FMR is 0 and FNMR 1.
    before, after = fmr[place - 1] - fnmr[place - 1], fmr[place] - fnmr[place]
    share = before / (before - after)
    return float((1 - share) * fnmr[place - 1] + share * fnmr[place])


def _at_fmr(
    fmr: float, allowed: int, counts: Counts, num_pairs: KindCounts, resamples: Resamples | None
) -> OperatingPoint:
    """The largest threshold at which at most ``allowed`` impostor pairs match."""
    place = int(np.searchsorted(counts.below_distances.impostor, allowed, side="right")) - 1
    threshold = float(counts.distances[place])
    matched, missed = _errors(threshold, counts, num_pairs)
    interval, missed_interval = None, None
    if resamples:
        distances, fnmr = resamples.at_fmr(fmr)
        interval = interval_95(distances, threshold)
        missed_interval = _rate_interval(fnmr, missed, num_pairs.genuine)
    return OperatingPoint(
        threshold,
        interval,
        Rate(matched / num_pairs.impostor, matched, num_pairs.impostor, None),
        Rate(missed / num_pairs.genuine, missed, num_pairs.genuine, missed_interval),
        wanted_fmr=fmr,
    )


def _at_threshold(
    threshold: float, counts: Counts, num_pairs: KindCounts, resamples: Resamples | None
) -> OperatingPoint:
    errors = _errors(threshold, counts, num_pairs)
    values = resamples.at_distance(threshold) if resamples else (None, None)
    fmr, fnmr = (
        Rate(count / total, count, total, None if of is None else _rate_interval(of, count, total))
        for count, total, of in zip(errors, reversed(num_pairs), values)
    )
    return OperatingPoint(threshold, fmr=fmr, fnmr=fnmr)


def _errors(threshold: float, counts: Counts, num_pairs: KindCounts) -> tuple[int, int]:
    """False matches and false non-matches."""
    genuine, impostor = counts.nearer_than(threshold)
    return impostor, num_pairs.genuine - genuine


def _rate_interval(values: np.ndarray, errors: int, pairs: int) -> list[float] | None:
    return interval_95(values, errors / pairs) if 0 < errors < pairs else None


def _too_few(fmr: float, num_pairs: KindCounts) -> OperatingPoint:
    reason = (
        f"an FMR of {fmr:g} needs {int(np.ceil(FEWEST_ERRORS / fmr - 1e-9)):,} impostor pairs, for {FEWEST_ERRORS} of "
        f"them to match; there are {num_pairs.impostor:,}"
    )
    return OperatingPoint(None, wanted_fmr=fmr, reason=reason)


def _curve(counts: Counts, num_pairs: KindCounts, resamples: Resamples | None) -> Curve:
    below = counts.below_distances
    fmr, fnmr = below.impostor / num_pairs.impostor, 1.0 - below.genuine / num_pairs.genuine
    decades = np.log10(num_pairs.impostor)
    rates = np.geomspace(1 / num_pairs.impostor, 1.0, 2 + int(_CURVE_POINTS_PER_DECADE * decades))
    last = np.append(np.diff(fmr) > 0, True)  # Of thresholds with one FMR, that with the lowest FNMR.
    ordered = np.interp(rates, fmr[last], fnmr[last])
    if resamples is None:
        return Curve(rates, ordered, None)
    bands = [interval_95(resamples.at_fmr(rate)[1], value) for rate, value in zip(rates, ordered)]
    return Curve(rates, ordered, np.array(bands).T)
