"""Plain loops in float64 for the losses that only serve as baselines, written from their papers' formulas."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tests.support.oracles import Problem


def inverse_density(distance: float, embedding_size: int, nearest: float) -> float:
    """1/q(d) of distance-weighted sampling, unnormalised; distances are clipped to nearest … √2."""
    d = min(max(distance, nearest), math.sqrt(2))
    return 1 / (d ** (embedding_size - 2) * (1 - d * d / 4) ** ((embedding_size - 3) / 2))


def margin(
    p: Problem,
    negatives: Mapping[int, list[int]],
    boundaries: Mapping[int, float],
    margin: float,
    boundary_weight: float = 0.0,
) -> float:
    """For given draws: negatives of each anchor, and the boundary of each class."""
    terms, used = [], []
    for a, label in enumerate(p.labels):
        terms += [margin + p.distance(a, r) - boundaries[label] for r in p.positives(a)]
        terms += [margin + boundaries[label] - p.distance(a, r) for r in negatives[a]]
        used += [boundaries[label]] * bool(p.positives(a))
    active = [term for term in terms if term > 0]
    loss = sum(active) / len(active) if active else 0.0
    return loss + (boundary_weight * sum(used) / len(used) if used else 0.0)


def _has_both_kinds(p: Problem) -> bool:
    rows = range(len(p.anchors))
    return any(p.positives(a) for a in rows) and any(p.negatives(a) for a in rows)


def semi_hard_triplet(p: Problem, margin) -> float:
    if not _has_both_kinds(p):
        return 0.0
    terms = []
    for a in range(len(p.anchors)):
        negatives = [p.distance(a, r) for r in p.negatives(a)]
        for positive in (p.distance(a, r) for r in p.positives(a)):
            beyond = [d for d in negatives if d > positive]
            terms.append(max(0.0, positive - (min(beyond) if beyond else max(negatives)) + margin))
    return sum(terms) / len(terms)


def hard_triplet(p: Problem, margin) -> float:
    if not _has_both_kinds(p):
        return 0.0
    terms = []
    for a in range(len(p.anchors)):
        farthest = max([p.distance(a, r) for r in p.positives(a)], default=0.0)
        terms.append(max(0.0, farthest - min(p.distance(a, r) for r in p.negatives(a)) + margin))
    return sum(terms) / len(terms)


def lifted_structure(p: Problem, margin) -> float:
    if not _has_both_kinds(p):
        return 0.0
    terms = []
    for a in range(len(p.anchors)):
        for r in (r for r in p.positives(a) if a < r):
            pushes = sum(math.exp(margin - p.distance(end, n)) for end in (a, r) for n in p.negatives(end))
            terms.append(max(0.0, math.log(pushes) + p.distance(a, r)) ** 2 / 2)
    return sum(terms) / len(terms)


def npairs(p: Problem) -> float:
    if not _has_both_kinds(p):
        return 0.0
    pairs = []
    for label in set(p.labels):
        rows = [a for a, other in enumerate(p.labels) if other == label]
        pairs += list(zip(rows[::2], rows[1::2]))
    losses = []
    for anchor, _ in pairs:
        logits = {positive: p.similarity(anchor, positive) for _, positive in pairs}
        everything = math.log(sum(math.exp(s) for s in logits.values()))
        own = [s for positive, s in logits.items() if p.labels[positive] == p.labels[anchor]]
        losses.append(everything - sum(own) / len(own))
    return sum(losses) / len(losses)


def _margin_softmax(p: Problem, scale, with_margin) -> float:
    losses = []
    for a, own in enumerate(p.labels):
        nearest = {}
        for r in p.positives(a) + p.negatives(a):
            label = p.reference_labels[r]
            nearest[label] = max(p.similarity(a, r), nearest.get(label, -2.0))
        if own in nearest:
            logits = {label: scale * (with_margin(s) if label == own else s) for label, s in nearest.items()}
            largest = max(logits.values())
            total = sum(math.exp(logit - largest) for logit in logits.values())
            losses.append(largest + math.log(total) - logits[own])
    return sum(losses) / len(losses) if losses else 0.0


def arcface(p: Problem, scale, margin) -> float:
    def with_margin(cosine):
        angle = math.acos(min(1.0, max(-1.0, cosine)))
        return math.cos(angle + margin) if angle < math.pi - margin else cosine - margin * math.sin(margin)

    return _margin_softmax(p, scale, with_margin)


def cosface(p: Problem, scale, margin) -> float:
    return _margin_softmax(p, scale, lambda cosine: cosine - margin)


def supcon(p: Problem, temperature) -> float:
    losses = []
    for a in range(len(p.anchors)):
        mass = sum(math.exp(p.similarity(a, r) / temperature) for r in p.positives(a) + p.negatives(a))
        terms = [-math.log(math.exp(p.similarity(a, r) / temperature) / mass) for r in p.positives(a)]
        if terms:
            losses.append(sum(terms) / len(terms))
    return sum(losses) / len(losses) if losses else 0.0


def nt_xent(p: Problem, temperature) -> float:
    terms = []
    for a in range(len(p.anchors)):
        others = sum(math.exp(p.similarity(a, r) / temperature) for r in p.negatives(a))
        for r in p.positives(a):
            own = math.exp(p.similarity(a, r) / temperature)
            terms.append(-math.log(own / (own + others)))
    return sum(terms) / len(terms) if terms else 0.0


def circle(p: Problem, scale, margin, weighting: Problem | None = None) -> float:
    """``weighting`` has the similarities that the weights are computed from: the gradient takes those as constant."""
    weighting = weighting or p
    losses = []
    for a in range(len(p.anchors)):
        pulls = [
            -scale * max(0.0, 1 + margin - weighting.similarity(a, r)) * (p.similarity(a, r) - 1 + margin)
            for r in p.positives(a)
        ]
        pushes = [
            scale * max(0.0, weighting.similarity(a, r) + margin) * (p.similarity(a, r) - margin)
            for r in p.negatives(a)
        ]
        if pulls and pushes:
            losses.append(math.log1p(sum(math.exp(n + q) for n in pushes for q in pulls)))
    return sum(losses) / len(losses) if losses else 0.0


def _soft_count(p: Problem, anchor: int, positive: int, references: list[int], temperature: float) -> float:
    own = p.similarity(anchor, positive)
    exponents = [(own - p.similarity(anchor, r)) / temperature for r in references if r != positive]
    return sum(1 / (1 + math.exp(exponent)) for exponent in exponents)


def _one_less(by_anchor: list[float]) -> float:
    return 1 - sum(by_anchor) / len(by_anchor) if by_anchor else 0.0


def smooth_ap(p: Problem, temperature) -> float:
    averages = []
    for a in range(len(p.anchors)):
        precisions = [
            (1 + _soft_count(p, a, r, p.positives(a), temperature))
            / (1 + _soft_count(p, a, r, p.positives(a) + p.negatives(a), temperature))
            for r in p.positives(a)
        ]
        averages += [sum(precisions) / len(precisions)] if precisions else []
    return _one_less(averages)


def recall_at_k(p: Problem, temperature, k_temperature, largest_k) -> float:
    recalls = []
    for a in (a for a in range(len(p.anchors)) if p.positives(a)):
        everything = p.positives(a) + p.negatives(a)
        ranks = [1 + _soft_count(p, a, r, everything, temperature) for r in p.positives(a)]
        by_k, k = [], 1
        while k <= largest_k:
            found = sum(1 / (1 + math.exp((rank - k) / k_temperature)) for rank in ranks)
            by_k.append(min(found, k) / min(k, len(ranks)))
            k *= 2
        recalls.append(sum(by_k) / len(by_k))
    return _one_less(recalls)


def fast_ap(p: Problem, num_bins) -> float:
    width, averages = 4 / num_bins, []

    def histogram(anchor, references):
        squared = [p.distance(anchor, r) ** 2 for r in references]
        return [sum(max(0.0, 1 - abs(d - b * width) / width) for d in squared) for b in range(num_bins + 1)]

    for a in (a for a in range(len(p.anchors)) if p.positives(a)):
        own, other = histogram(a, p.positives(a)), histogram(a, p.negatives(a))
        average = 0.0
        for b in range(num_bins + 1):
            found, rank = sum(own[: b + 1]), sum(own[: b + 1]) + sum(other[: b + 1])
            average += own[b] * found / rank if rank else 0.0
        averages.append(average / len(p.positives(a)))
    return _one_less(averages)
