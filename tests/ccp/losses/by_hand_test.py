"""Values by hand, on a line: distances are differences there, and similarities products."""

import math

import numpy as np
import pytest
import tensorflow as tf

import ccp
from tests.support import loss_cases

# 0 and 1 are 0.25 apart, 0 and 2 0.5, 1 and 2 0.25; 3 is far from all.
POINTS = [[0.0], [0.25], [0.5], [-0.5]]
LABELS = [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("pos_margin", "neg_margin", "reduction", "expected"),
    [
        # Positives, each seen from both ends: d(0,1) = 0.25, d(2,3) = 1. Negatives: d(0,2) = 0.5, d(0,3) = 0.5,
        # d(1,2) = 0.25, d(1,3) = 0.75.
        # Both positives are beyond 0.1: (0.15 + 0.9)/2. Of the negatives only 0.25 is below 0.4: 0.15.
        (0.1, 0.4, "mean_of_active", 0.525 + 0.15),
        # Only d(2,3) is beyond 0.4: 0.6. Negatives below 0.6: 0.5, 0.5 and 0.25: (0.1 + 0.1 + 0.35)/3.
        (0.4, 0.6, "mean_of_active", 0.6 + 0.55 / 3),
        # The same sums, seen from both ends, over the 4 × 4 entries.
        (0.4, 0.6, "mean", 2 * (0.6 + 0.55) / 16),
        # Exactly at its margin a pair is not active: positive 0.25 and negative 0.25; d(2,3) is beyond by 0.75.
        (0.25, 0.25, "mean_of_active", 0.75),
    ],
)
def test_contrastive(pos_margin, neg_margin, reduction, expected):
    value = ccp.ContrastiveLoss(pos_margin, neg_margin, reduction)(LABELS, POINTS)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_contrastive_gradient():
    _, gradient = loss_cases.value_and_gradients(ccp.ContrastiveLoss(0.4, 0.6), LABELS, POINTS)
    # Positive (2,3) alone is active: the mean over its two ends is d(2,3) = x2 − x3 + …, so +1 and −1. Negatives:
    # −1/3 of d(0,2) = x2 − x0, of d(0,3) = x0 − x3 and of d(1,2) = x2 − x1.
    expected = [[1 / 3 - 1 / 3], [1 / 3], [1 - 1 / 3 - 1 / 3], [-1 + 1 / 3]]
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def mass(own, *others):
    """−log of the softmax mass of the first logits."""
    return -math.log(sum(map(math.exp, own)) / sum(map(math.exp, [*own, *others])))


AGAINST = {
    # Angles of 60° to the own class and 90° to the other one: cos(60° + 30°) = 0 against 0.
    "ArcFace": (
        ccp.ArcFaceLoss(4.0, math.pi / 6),
        ([0], [[1.0, 0.0]], [0, 1], [[0.5, 0.75**0.5], [0.0, 1.0]]),
        math.log(2),
    ),
    # 180° and a margin of 1.5 are beyond 180°: cos 180° − 1.5 · sin 1.5, against cos 0°; scale 1.
    "ArcFace, beyond where the cosine falls": (
        ccp.ArcFaceLoss(1.0, 1.5),
        ([0], [[1.0]], [0, 1], [[-1.0], [1.0]]),
        math.log1p(math.exp(2 + 1.5 * math.sin(1.5))),
    ),
    # The nearest of each class's centres counts: 0.5 of the own class and 0 of the other: cos(60° + 30°) = 0 against 0.
    "ArcFace with sub-centres": (
        ccp.ArcFaceLoss(4.0, math.pi / 6),
        ([0], [[1.0, 0.0]], [0, 0, 1, 1], [[0.5, 0.75**0.5], [-1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
        math.log(2),
    ),
    # 2 · (0.5 − 0.25) for the own class, 2 · 0.75 for the other.
    "CosFace": (ccp.CosFaceLoss(2.0, 0.25), ([0], [[1.0]], [0, 1], [[0.5], [0.75]]), math.log1p(math.exp(1.5 - 0.5))),
    # Weights 1.25 − 0.5 and 0.75 + 0.25; exponents 2 · 0.75 · 0.25 and 2 · 1 · 0.5.
    "circle": (ccp.CircleLoss(2.0, 0.25), ([0], [[1.0]], [0, 1], [[0.5], [0.75]]), math.log1p(math.exp(0.375 + 1.0))),
    # Similarities 0.5 and 0.2 of positives and 0.3 of a negative, which count 1/(1 + 3^(−difference/0.1)) above:
    # 0.5 has 1/28 positives and 1/10 negatives above it, 0.2 has 27/28 and 3/4.
    "Smooth-AP": (
        ccp.SmoothAPLoss(0.1 / math.log(3)),
        ([0], [[1.0]], [0, 0, 1], [[0.5], [0.2], [0.3]]),
        1 - (29 / 28 / (29 / 28 + 1 / 10) + 55 / 28 / (55 / 28 + 3 / 4)) / 2,
    ),
    # The same ranks. Recall@1 of at most 1 in 1, recall@2 and recall@4 of 2, with logits of (k − rank) · ln 2.
    "recall@k": (
        ccp.RecallAtKLoss(0.1 / math.log(3), 1 / math.log(2), 4),
        ([0], [[1.0]], [0, 0, 1], [[0.5], [0.2], [0.3]]),
        1
        - (
            sum(1 / (1 + 2 ** (rank - 1)) for rank in (29 / 28 + 1 / 10, 55 / 28 + 3 / 4))
            + sum(1 / (1 + 2 ** (rank - k)) / 2 for rank in (29 / 28 + 1 / 10, 55 / 28 + 3 / 4) for k in (2, 4))
        )
        / 3,
    ),
    # Three positives in a tie have rank 2 each, and are first by σ((1 − 2)/3) = 0.42: at most 1 of these 1.25 counts.
    "recall@k, more positives than k": (
        ccp.RecallAtKLoss(0.1, 3.0, 1),
        ([0], [[1.0]], [0, 0, 0], [[0.5], [0.5], [0.5]]),
        0.0,
    ),
    # Squared distances 0.25 and 1 of positives and 1 of a negative, in bins around 0, 1, …: positives 0.75 and 1.25,
    # all 0.75 and 2.25. Precision 1 in the first, 2/3 in the second.
    "FastAP": (
        ccp.FastAPLoss(4),
        ([0], [[0.0]], [0, 0, 1], [[0.5], [-1.0], [1.0]]),
        1 - (0.75 + 1.25 * 2 / 3) / 2,
    ),
    # One active positive of 0.5 and two active negatives of 0.25: 0.5 + 0.25, not (0.5 + 0.25 + 0.25)/3.
    "contrastive, positives and negatives averaged apart": (
        ccp.ContrastiveLoss(0.0, 0.5),
        ([0], [[0.0]], [0, 1, 2], [[0.5], [0.25], [-0.25]]),
        0.75,
    ),
    # Similarities of the anchors 0.5 and 1 of class 0 with each other: 0.5. With 0.75 of class 1: 0.375 and 0.75, of
    # which the second is above the margin by 0.25. Divided by the two anchors.
    "cosine contrastive": (
        ccp.CosineContrastiveLoss(0.5),
        ([0, 0], [[0.5], [1.0]], [0, 1], [[0.5], [0.75]]),
        (1 - 1e-5 - 0.25 + 1 - 1e-5 - 0.5 + 0.25) / 2,
    ),
    # Among the references: the anchor itself (s = 1: nothing), and a positive at s = 0.5.
    "cosine contrastive, without copies of the anchor": (
        ccp.CosineContrastiveLoss(0.5),
        ([0], [[1.0]], [0, 0], [[1.0], [0.5]]),
        0.5 - 1e-5,
    ),
    # Positives at s = 0.5 and 1, a negative at 0.75: Σp exp(−2 · 0) + exp(−2 · 0.5) = 1 + e⁻¹, Σn exp(4 · 0.25) = e.
    "multi-similarity": (
        ccp.MultiSimilarityLoss(alpha=2, beta=4, base=0.5),
        ([0], [[1.0]], [0, 0, 1], [[0.5], [1.0], [0.75]]),
        math.log(2 + math.exp(-1)) / 2 + math.log(1 + math.e) / 4,
    ),
    # exp(1000 · 1.5) is beyond float64: log(1 + e¹⁵⁰⁰)/1000 = 1.5.
    "multi-similarity, without overflow": (
        ccp.MultiSimilarityLoss(1000, 1000, 0.5),
        ([0], [[1.0]], [0], [[-1.0]]),
        1.5,
    ),
    # Proxies 1 of class 0, 0.5 of class 1, −1 of class 2, which has no positive. Samples 0.5 (class 0), 1 (class 1).
    # Positives: s = 0.5 for both, exp(−2 · 0.4). Negatives: s = 1; 0.25; −0.5 and −1; all with 0.1 added.
    "ProxyAnchor": (
        ccp.ProxyAnchorLoss(margin=0.1, scale=2),
        ([0, 1], [[0.5], [1.0]], [0, 1, 2], [[1.0], [0.5], [-1.0]]),
        math.log(1 + math.exp(-0.8))
        + sum(math.log(1 + x) for x in (math.exp(2.2), math.exp(0.7), math.exp(-0.8) + math.exp(-1.8))) / 3,
    ),
    # Positives at s = 0.5 and 0, a negative at 1; temperature 0.5 doubles them: the mean of both positives' terms. The
    # second anchor has no positive, and no term.
    "SupCon": (
        ccp.SupConLoss(0.5),
        ([4, 7], [[1.0], [0.5]], [4, 4, 2], [[0.5], [0.0], [1.0]]),
        (mass([1.0], 0.0, 2.0) + mass([0.0], 1.0, 2.0)) / 2,
    ),
    # Of the same anchor, each positive against the negative alone. And one positive against two negatives: all three
    # pairs weigh the same.
    "NT-Xent": (
        ccp.NTXentLoss(0.5),
        ([4, 2], [[1.0], [0.5]], [4, 4, 2], [[0.5], [0.0], [1.0]]),
        (mass([1.0], 2.0) + mass([0.0], 2.0) + mass([1.0], 0.5, 0.0)) / 3,
    ),
    # exp(1000) is beyond float64: log(1 + e²⁰⁰⁰) = 2000.
    "NT-Xent, without overflow": (ccp.NTXentLoss(0.001), ([0], [[1.0]], [0, 1], [[-1.0], [1.0]]), 2000.0),
    "SupCon, without overflow": (ccp.SupConLoss(0.001), ([0], [[1.0]], [0, 1], [[-1.0], [1.0]]), 2000.0),
    # Own proxies at s = 0.5 and 0, another at s = 1; temperature 0.5 doubles them.
    "ProxyNCA++": (
        ccp.ProxyNCALoss(0.5),
        ([4], [[1.0]], [4, 4, 2], [[0.5], [0.0], [1.0]]),
        mass([1.0, 0.0], 2.0),
    ),
    # The own proxy at s = 0.5, of length 0.5: so is the virtual one. Another proxy at s = −1.
    "virtual softmax": (
        ccp.VirtualSoftmaxLoss(2),
        ([0], [[1.0]], [0, 1], [[0.5], [-1.0]]),
        mass([1.0], -2.0, 1.0),
    ),
    # Anchor of length 0.5 at right angles to both proxies, the own one of length 0.8: virtual s = 0.4.
    "virtual softmax, at right angles": (
        ccp.VirtualSoftmaxLoss(1),
        ([0], [[0.5, 0.0]], [0, 1], [[0.0, 0.8], [0.0, -1.0]]),
        mass([0.0], 0.0, 0.4),
    ),
    # Own and virtual proxy coincide; e⁻⁸⁰ of the other one is nothing.
    "virtual softmax, of a perfect anchor": (
        ccp.VirtualSoftmaxLoss(40),
        ([0], [[1.0]], [0, 1], [[1.0], [-1.0]]),
        math.log(2),
    ),
    # Own logit −500, virtual and other ones 500: log(e⁻⁵⁰⁰ + 2 e⁵⁰⁰) + 500.
    "virtual softmax, without overflow": (
        ccp.VirtualSoftmaxLoss(500),
        ([0], [[1.0]], [0, 1], [[-1.0], [1.0]]),
        1000 + math.log(2),
    ),
}


@pytest.mark.parametrize("case", AGAINST)
def test_against_references(case):
    loss, arguments, expected = AGAINST[case]
    np.testing.assert_allclose(loss.against(*arguments), expected, rtol=1e-5)


def test_npairs():
    # Pairs (1, 0.5) of class 0 and (0.5, −1) of class 1; the third of class 0 is left out.
    # Anchor 1: 0.5 against −1; anchor 0.5: −0.5 against 0.25.
    expected = (math.log1p(math.exp(-1.5)) + math.log1p(math.exp(0.75))) / 2
    value = ccp.NPairsLoss()([0, 0, 1, 1, 0], [[1.0], [0.5], [0.5], [-1.0], [0.3]])
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_proxy_nca_does_not_lose_a_distant_proxy():
    # Logits −500 and 500: −log(e⁻⁵⁰⁰/(e⁻⁵⁰⁰ + e⁵⁰⁰)) = 1000; its slope is (1 − −1)/0.001.
    value, gradient, _ = loss_cases.value_and_gradients(ccp.ProxyNCALoss(0.001), [0], [[0.5]], [0, 1], [[-1.0], [1.0]])
    np.testing.assert_allclose(value, 1000.0, rtol=1e-6)
    np.testing.assert_allclose(gradient, [[2000.0]], rtol=1e-6)


def test_virtual_softmax_has_a_gradient_at_the_zero_vector_under_xla():
    # At 0 both logits are 0 and the virtual one has no slope: 2 · (w₁ − 2 w₀)/3.
    compiled = tf.function(loss_cases.value_and_gradients, jit_compile=True)
    proxies = tf.constant([[0.3, 0.0], [0.0, 0.3]])
    _, gradient, _ = compiled(ccp.VirtualSoftmaxLoss(2), [0], tf.zeros((1, 2)), [0, 1], proxies)
    np.testing.assert_allclose(gradient, [[2 * -0.6 / 3, 2 * 0.3 / 3]], rtol=1e-6)


def test_arcface_has_a_gradient_on_its_proxy():
    # At 0° the slope of the sine is infinite, and left out: scale · (1 − p) · (−cos m) remains, with
    # p = σ(4 · cos m) against a class at 90°. Along the proxy, where the sphere ends, nothing remains.
    loss, proxies = ccp.ArcFaceLoss(4.0, 0.5), [[1.0, 0.0], [0.0, 1.0]]
    _, gradient, _ = loss_cases.value_and_gradients(loss, [0], [[2.0, 0.0]], [0, 1], proxies)
    other = 1 / (1 + math.exp(4 * math.cos(0.5)))
    np.testing.assert_allclose(gradient, [[0.0, 4 * other / 2]], rtol=1e-5, atol=1e-7)


def test_of_two_views_supcon_is_nt_xent():
    # One positive for each anchor. Angles of the views of three images; cosines at temperature 0.5, by hand.
    angles, images = [0.0, 0.6, 2.0, 2.3, 4.0, 5.0], [0, 0, 1, 1, 2, 2]
    expected = 0.0
    for own, image in enumerate(images):
        logits = {i: 2 * math.cos(angles[own] - angle) for i, angle in enumerate(angles) if i != own}
        (positive,) = (logit for i, logit in logits.items() if images[i] == image)
        expected += (math.log(sum(map(math.exp, logits.values()))) - positive) / 6
    embeddings = [[3 * math.cos(angle), 3 * math.sin(angle)] for angle in angles]
    for loss in (ccp.NTXentLoss(0.5), ccp.SupConLoss(0.5)):
        np.testing.assert_allclose(loss(images, embeddings), expected, rtol=1e-6)
