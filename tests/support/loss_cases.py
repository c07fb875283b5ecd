"""What tests of the losses run over: every pair loss in several settings, label patterns, and reference sets."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.losses.registry import PAIR_LOSSES
from ccp.registry import imported
from tests.support import oracles, oracles_baselines, oracles_cited

# By pair loss: the defaults (the paper's for CUB), Cars196's where they differ, then some far from both. Every one here
# has an oracle.
SETTINGS: dict[str, tuple[dict, ...]] = {
    "contrastive": (
        {"pos_margin": 0.0, "neg_margin": 0.3841},
        {"pos_margin": 0.2652, "neg_margin": 0.5409},
        {"pos_margin": 0.5, "neg_margin": 1.2, "pair_reduction": "mean"},
    ),
    "cosine_contrastive": ({"margin": 0.5}, {"margin": -0.2}),
    "triplet": ({"margin": 0.0961}, {"margin": 0.0}, {"margin": 0.5, "pair_reduction": "mean"}),
    "multi_similarity": (
        {"alpha": 2.0, "beta": 40.0, "base": 0.5},
        {"alpha": 14.35, "beta": 75.83, "base": 0.66},
        {"alpha": 2.0, "beta": 100.0, "base": 0.0},
    ),
    "supcon": ({"temperature": 0.1}, {"temperature": 1.5}),
    "nt_xent": ({"temperature": 0.1}, {"temperature": 1.5}),
    "proxy_anchor": ({"margin": 0.1, "scale": 32.0}, {"margin": 0.3, "scale": 2.0}),
    "proxy_nca": ({"temperature": 0.1}, {"temperature": 1.5}),
    "soft_triple": (
        {"scale": 20.0, "gamma": 0.1, "margin": 0.01, "tau": 0.2},
        {"scale": 17.69, "gamma": 19.18, "margin": 0.3588, "tau": 0.0669},
        {"scale": 5.0, "gamma": 0.5, "margin": 0.1, "tau": 0.0},
        {"scale": 5.0, "gamma": 0.5, "margin": 0.1, "tau": 0.2, "unit_centers": False},
    ),
    "virtual_softmax": ({"scale": 10.0}, {"scale": 1.5}),
    "tuplet_margin": ({"scale": 64.0, "margin": 0.1}, {"scale": 3.0, "margin": 0.5}),
    "ranked_list": (
        {"margin": 0.4, "boundary": 1.2, "negative_sharpness": 10.0, "positive_sharpness": 0.0, "negative_share": 0.5},
        {"margin": 0.8, "boundary": 1.5, "negative_sharpness": 2.0, "positive_sharpness": 3.0, "negative_share": 0.2},
    ),
    "contrastive_bayesian": (
        {},
        {"negative_width": 0.3, "margin": 0.7, "extreme_share": 0.3, "variance_weight": 0.2, "form": "sqrt"},
        {"positive_center": 0.2, "positive_width": 0.7, "negative_width": 0.3, "margin": 2.0, "form": "constant"},
    ),
    "triplet_upper_bound": ({},),
    "arcface": ({"scale": 64.0, "margin": 0.5}, {"scale": 2.0, "margin": 1.2}, {"scale": 5.0, "margin": 0.0}),
    "cosface": ({"scale": 64.0, "margin": 0.35}, {"scale": 2.0, "margin": 0.0}),
    "circle": ({"scale": 80.0, "margin": 0.4}, {"scale": 3.0, "margin": 0.1}),
    "smooth_ap": ({"temperature": 0.01}, {"temperature": 0.3}),
    "fast_ap": ({"num_bins": 10}, {"num_bins": 3}),
    "recall_at_k": (
        {"temperature": 0.01, "k_temperature": 1.0, "largest_k": 16},
        {"temperature": 0.3, "k_temperature": 0.5, "largest_k": 3},
    ),
    "semi_hard_triplet": ({"margin": 0.2}, {"margin": 0.9}),
    "hard_triplet": ({"margin": 0.2}, {"margin": 0.9}),
    "lifted_structure": ({"margin": 1.0}, {"margin": 0.3}),
    "npairs": ({},),
    "expanded_triplet": ({"margin": 0.2, "points": 2}, {"margin": 0.9, "points": 1}, {"margin": 0.9, "points": 3}),
}
MARGIN_SETTINGS: tuple[dict, ...] = (
    {"margin": 0.2, "boundary": 1.2, "boundary_weight": 0.0, "cutoff": 0.5},
    {"margin": 0.1, "boundary": 0.7, "boundary_weight": 0.3, "cutoff": 0.2},
)
# Losses with parts through which no gradient goes.
HAS_CONSTANTS = ("ranked_list",)
# The margin loss and Metrix draw, and the spherical constraint is about lengths: they have their own tests.
EVERY_SETTING = {**SETTINGS, "margin": MARGIN_SETTINGS, "metrix": ({},), "sec": ({},)}
# The classifier has its own tests too.
EVERY_SETTING["softmax"] = ({"label_smoothing": 0.0}, {"label_smoothing": 0.1})
# Arguments that have no defaults.
NEEDED = {"softmax": {"num_classes": 10, "embedding_size": 4}}
CLASSIFIERS = tuple(name for name, entry in PAIR_LOSSES.items() if entry.classifies)
WITHIN_BATCH = tuple(name for name, entry in PAIR_LOSSES.items() if entry.within_batch)
# Every loss in every mode in which it can be called: of a batch alone, or against references.
NAMES_AND_MODES = tuple((name, "batch") for name in EVERY_SETTING) + tuple(
    (name, "against") for name in EVERY_SETTING if name not in (*WITHIN_BATCH, *CLASSIFIERS)
)
AGAINST = tuple(name for name, mode in NAMES_AND_MODES if mode == "against")
WITH_ORACLE = tuple((name, mode) for name, mode in NAMES_AND_MODES if name in SETTINGS)
ORACLE_CASES = tuple((name, settings, mode) for name, mode in WITH_ORACLE for settings in SETTINGS[name])

# [batch] labels, and the labels of a reference set that they are compared with.
LABEL_PATTERNS: dict[str, tuple[list[int], list[int]]] = {
    "balanced": ([0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2, 3, 3]),
    "unequal and unsorted": ([7, 3, 7, 7, 5, 3, 7, 9], [3, 7, 5, 7, 3, 3, 7, 4, 3]),
    "anchors without a reference of their class": ([0, 1, 0, 2, 1], [2, 5, 2, 6]),
    "many positives": ([0] * 8 + [1] * 3, [0] * 12 + [1] * 2),
}


@dataclasses.dataclass
class Sample:
    """Anchors and references; norms are on both sides of 1."""

    labels: np.ndarray
    embeddings: np.ndarray
    reference_labels: np.ndarray
    references: np.ndarray

    def arguments(self, mode: str) -> tuple[np.ndarray, ...]:
        """What the oracle's ``Problem`` takes: for ``batch`` or for ``against``."""
        batch = (self.labels, self.embeddings)
        return batch if mode == "batch" else (*batch, self.reference_labels, self.references)


def sample(labels, reference_labels=(0,), embedding_size: int = 4, seed: int = 0) -> Sample:
    random = np.random.default_rng(seed)

    def vectors(count):
        directions = random.normal(size=(count, embedding_size))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return (directions * random.uniform(0.4, 1.6, size=(count, 1))).astype(np.float32)

    labels, reference_labels = np.array(labels, np.int64), np.array(reference_labels, np.int64)
    return Sample(labels, vectors(len(labels)), reference_labels, vectors(len(reference_labels)))


def build(name: str, settings: dict | None = None) -> PairLoss:
    settings = EVERY_SETTING[name][0] if settings is None else settings
    return imported(PAIR_LOSSES[name].path)(**{**NEEDED.get(name, {}), **settings})


def expected(name: str, settings: dict, *arguments, constants_at: tuple = ()) -> float:
    """The oracle's value for labels, embeddings and, if given, reference labels, references and own copies.

    Args:
      constants_at: the arguments at which a loss of ``HAS_CONSTANTS`` takes what it does not differentiate.
    """
    module = next(module for module in (oracles, oracles_baselines, oracles_cited) if hasattr(module, name))
    constants = {"constants_at": oracles.Problem(*constants_at)} if constants_at and name in HAS_CONSTANTS else {}
    return getattr(module, name)(oracles.Problem(*arguments), **settings, **constants)


def value_and_gradients(loss, labels, embeddings, reference_labels=None, references=None, own_copies=None):
    """The loss of a batch, or against references, and its gradients on the embeddings and, if given, the references."""
    inputs = [tf.convert_to_tensor(vectors) for vectors in (embeddings, references) if vectors is not None]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        if references is None:
            value = loss(labels, *inputs)
        else:
            value = loss.against(labels, inputs[0], reference_labels, inputs[1], own_copies)
    return [value, *tape.gradient(value, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)]
