"""The formulas as plain loops in float64, one term at a time, for the vectorised code to be compared with.

Written from the papers' formulas, not from the code. A loss's oracle takes a ``Problem`` and the loss's settings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np


def lipschitz_normalize(vector: np.ndarray) -> np.ndarray:
    return vector / max(1.0, math.sqrt(sum(x * x for x in vector)))


def euclidean(a: np.ndarray, b: np.ndarray) -> float:
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b)))


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    return sum(x * y for x, y in zip(a, b))


class Problem:
    """Normalised anchors and references; without references anchors are compared with the other anchors."""

    def __init__(self, labels, embeddings, reference_labels=None, reference_embeddings=None, own_copies=None):
        self.within, self.own_copies = reference_labels is None, own_copies
        self.labels = list(labels)
        self.anchors = [lipschitz_normalize(e) for e in np.asarray(embeddings, np.float64)]
        self.reference_labels = self.labels if self.within else list(reference_labels)
        self.references = (
            self.anchors
            if self.within
            else [lipschitz_normalize(e) for e in np.asarray(reference_embeddings, np.float64)]
        )

    def positives(self, anchor: int) -> list[int]:
        return [r for r in self._others(anchor) if self.reference_labels[r] == self.labels[anchor]]

    def negatives(self, anchor: int) -> list[int]:
        return [r for r in self._others(anchor) if self.reference_labels[r] != self.labels[anchor]]

    def distance(self, anchor: int, reference: int) -> float:
        return euclidean(self.anchors[anchor], self.references[reference])

    def similarity(self, anchor: int, reference: int) -> float:
        return similarity(self.anchors[anchor], self.references[reference])

    @property
    def num_pairs(self) -> int:
        return len(self.anchors) * len(self.references)

    def _others(self, anchor: int) -> Iterator[int]:
        own = anchor if self.within else None if self.own_copies is None else self.own_copies[anchor]
        return (r for r in range(len(self.references)) if r != own)


def _reduced(terms: list[float], reduction: str, size: int) -> float:
    active = [term for term in terms if term > 0]
    divisor = {"mean_of_active": len(active), "mean": size}[reduction]
    return sum(active) / divisor if divisor else 0.0


def contrastive(p: Problem, pos_margin, neg_margin, pair_reduction="mean_of_active") -> float:
    rows = range(len(p.anchors))
    pulls = [p.distance(a, r) - pos_margin for a in rows for r in p.positives(a)]
    pushes = [neg_margin - p.distance(a, r) for a in rows for r in p.negatives(a)]
    return _reduced(pulls, pair_reduction, p.num_pairs) + _reduced(pushes, pair_reduction, p.num_pairs)


def cosine_contrastive(p: Problem, margin) -> float:
    total = 0.0
    for a in range(len(p.anchors)):
        for s in (p.similarity(a, r) for r in p.positives(a)):
            total += 1 - s - 1e-5 if s < 1 - 1e-5 else 0.0
        for s in (p.similarity(a, r) for r in p.negatives(a)):
            total += s - margin if s > margin else 0.0
    return total / len(p.anchors)


def triplet(p: Problem, margin, pair_reduction="mean_of_active") -> float:
    terms = [
        p.distance(a, positive) - p.distance(a, negative) + margin
        for a in range(len(p.anchors))
        for positive in p.positives(a)
        for negative in p.negatives(a)
    ]
    return _reduced(terms, pair_reduction, p.num_pairs * len(p.references))


def multi_similarity(p: Problem, alpha, beta, base) -> float:
    total = 0.0
    for a in range(len(p.anchors)):
        pull = sum(math.exp(-alpha * (p.similarity(a, r) - base)) for r in p.positives(a))
        push = sum(math.exp(beta * (p.similarity(a, r) - base)) for r in p.negatives(a))
        total += math.log1p(pull) / alpha + math.log1p(push) / beta
    return total / len(p.anchors)


def proxy_anchor(p: Problem, margin, scale) -> float:
    pulls, pushes = [], []
    for r in range(len(p.references)):
        positives = [a for a in range(len(p.anchors)) if r in p.positives(a)]
        negatives = [a for a in range(len(p.anchors)) if r in p.negatives(a)]
        if positives:
            pulls.append(math.log1p(sum(math.exp(-scale * (p.similarity(a, r) - margin)) for a in positives)))
        if negatives:
            pushes.append(math.log1p(sum(math.exp(scale * (p.similarity(a, r) + margin)) for a in negatives)))
    return (sum(pulls) / len(pulls) if pulls else 0.0) + (sum(pushes) / len(pushes) if pushes else 0.0)


def proxy_nca(p: Problem, temperature) -> float:
    losses = []
    for a in range(len(p.anchors)):
        own = sum(math.exp(p.similarity(a, r) / temperature) for r in p.positives(a))
        other = sum(math.exp(p.similarity(a, r) / temperature) for r in p.negatives(a))
        if own:
            losses.append(-math.log(own / (own + other)))
    return sum(losses) / len(losses) if losses else 0.0


def soft_triple(p: Problem, scale, gamma, margin, tau, unit_centers=True) -> float:
    centers = p.references
    if unit_centers:
        centers = [c / max(math.sqrt(similarity(c, c)), 1e-6) for c in centers]
    losses = []
    for a, anchor in enumerate(p.anchors):
        logits = {}
        for r in p.positives(a) + p.negatives(a):
            logits.setdefault(p.reference_labels[r], []).append(similarity(anchor, centers[r]))
        for label, s in logits.items():
            weights = [math.exp(x / gamma) for x in s]
            to_class = sum(w * x for w, x in zip(weights, s)) / sum(weights)
            logits[label] = scale * (to_class - margin * (label == p.labels[a]))
        if p.labels[a] in logits:
            losses.append(math.log(sum(math.exp(x) for x in logits.values())) - logits[p.labels[a]])
    cross_entropy = sum(losses) / len(losses) if losses else 0.0
    return cross_entropy + tau * _spread_of_centers(centers, p.reference_labels)


def _spread_of_centers(centers, labels) -> float:
    lengths, ordered_pairs = 0.0, 0
    for i, label in enumerate(labels):
        for j, other in enumerate(labels):
            if i != j and label == other:
                ordered_pairs += 1
                squared = 2 - 2 * similarity(centers[i], centers[j])
                lengths += math.sqrt(squared if squared > 1e-12 else 0.0) * (i < j)
    return lengths / ordered_pairs if ordered_pairs else 0.0


def virtual_softmax(p: Problem, scale) -> float:
    losses = []
    for a, anchor in enumerate(p.anchors):
        length = math.sqrt(similarity(anchor, anchor))
        own = sum(math.exp(scale * p.similarity(a, r)) for r in p.positives(a))
        other = sum(math.exp(scale * p.similarity(a, r)) for r in p.negatives(a))
        virtual = sum(
            math.exp(scale * length * math.sqrt(similarity(p.references[r], p.references[r]))) for r in p.positives(a)
        )
        if own:
            losses.append(-math.log(own / (own + other + virtual)))
    return sum(losses) / len(losses) if losses else 0.0


def greedy_k_center(candidates: np.ndarray, centers: np.ndarray, num_centers: int, normalize=False) -> np.ndarray:
    """For one class: candidates [num_candidates, embedding_size] and the initial centres."""

    def placed(point):
        length = math.sqrt(sum(x * x for x in point))
        return point / length if normalize and length > 0 else point

    covering, chosen = [placed(c) for c in centers], []
    for _ in range(num_centers):
        farthest, largest = 0, -1.0
        for index, candidate in enumerate(candidates):
            nearest = min(sum((x - y) ** 2 for x, y in zip(placed(candidate), c)) for c in covering)
            if nearest > largest:  # Not at a tie: the first one stays.
                farthest, largest = index, nearest
        chosen.append(candidates[farthest])
        covering.append(placed(candidates[farthest]))
    return np.stack(chosen)
