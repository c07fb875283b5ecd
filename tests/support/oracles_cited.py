"""Plain loops in float64 for the losses of the systems that the paper compares with, from papers and authors' code."""

from __future__ import annotations

import math

from tests.support.oracles import Problem, euclidean, similarity


def _mean(values) -> float:
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def tuplet_margin(p: Problem, scale, margin) -> float:
    terms = []
    for a in range(len(p.anchors)):
        for r in p.positives(a):
            nearer = math.cos(math.acos(min(1.0, max(-1.0, p.similarity(a, r)))) - margin)
            terms.append(math.log1p(sum(math.exp(scale * (p.similarity(a, n) - nearer)) for n in p.negatives(a))))
    return _mean(terms)


def ranked_list(
    p: Problem, margin, boundary, negative_sharpness, positive_sharpness, negative_share, constants_at=None
) -> float:
    fixed, total = constants_at or p, 0.0
    sides = (
        (1 - negative_share, Problem.positives, positive_sharpness, lambda d: d - (boundary - margin)),
        (negative_share, Problem.negatives, negative_sharpness, lambda d: boundary - d),
    )
    for a in range(len(p.anchors)):
        for share, kind, sharpness, term in sides:
            counted = [r for r in kind(p, a) if term(p.distance(a, r)) > 0]
            weights = [math.exp(sharpness * term(fixed.distance(a, r))) for r in counted]
            if counted:
                total += share * sum(w * term(p.distance(a, r)) for w, r in zip(weights, counted)) / sum(weights)
    return total / len(p.anchors)


def contrastive_bayesian(
    p: Problem,
    positive_center=0.5,
    positive_width=0.5,
    negative_center=1.0,
    negative_width=0.01,
    margin=0.1,
    variance_weight=1.0,
    extreme_share=0.0,
    form="log",
) -> float:
    formed = {"log": math.log1p, "sqrt": lambda x: math.sqrt(1 + x), "constant": lambda x: 1 + x / 4}[form]
    total = 0.0
    for a in range(len(p.anchors)):
        positives = [p.similarity(a, r) for r in p.positives(a)]
        negatives = [p.similarity(a, r) for r in p.negatives(a)]
        if not positives or not negatives:
            continue
        near = [s for s in positives if s - margin < max(negatives)]
        hard = [s for s in negatives if s + margin > min(positives)]
        if not near or not hard:
            continue
        everything = [p.similarity(a, r) for r in range(len(p.references))]
        mean = (1 - extreme_share) * _mean(everything) + extreme_share * (min(positives) + max(negatives)) / 2
        total += formed(sum(math.exp((positive_center - s) / positive_width) for s in near))
        total += formed(sum(math.exp((s - negative_center) / negative_width) for s in hard))
        total += variance_weight * sum((s - mean) ** 2 for s in negatives)
    return total / len(p.anchors)


def triplet_upper_bound(p: Problem) -> float:
    terms = []
    for a in range(len(p.anchors)):
        own, others = p.positives(a), p.negatives(a)
        if own and others:
            terms.append(_mean(p.distance(a, r) for r in own) - _mean(p.distance(a, r) for r in others) / 3)
    return _mean(terms)


def _partners(labels) -> dict[int, int]:
    partners = {}
    for label in set(labels):
        rows = [a for a, other in enumerate(labels) if other == label]
        for first, second in zip(rows[::2], rows[1::2]):
            partners.update({first: second, second: first})
    return partners


def expanded_triplet(p: Problem, margin, points) -> float:
    rows, partners = range(len(p.anchors)), _partners(p.labels)
    if not (any(p.positives(a) for a in rows) and any(p.negatives(a) for a in rows)):
        return 0.0

    def cloud(a):
        found = [p.anchors[a]]
        if a in partners:
            for k in range(1, points + 1):
                mixed = (k * p.anchors[partners[a]] + (points + 1 - k) * p.anchors[a]) / (points + 1)
                found.append(mixed / max(math.sqrt(similarity(mixed, mixed)), 1e-3))
        return found

    terms = []
    for a in rows:
        farthest = max([p.distance(a, r) for r in p.positives(a)], default=0.0)
        nearest = min(euclidean(x, y) for n in p.negatives(a) for x in cloud(a) for y in cloud(n))
        terms.append(max(0.0, farthest - nearest + margin))
    return sum(terms) / len(terms)
