"""Losses that PyTorch Metric Learning has too: its values and gradients, and the class proxies' of sub-centre ArcFace.

Recorded from version 2.9.0 with PyTorch 2.13.0 in float64: ``loss(torch.tensor(EMBEDDINGS), torch.tensor(LABELS))``
and ``backward()``, with ``CircleLoss(m, gamma)``, ``FastAPLoss(num_bins)``, ``SmoothAPLoss(temperature)``,
``ArcFaceLoss(3, 3, margin=math.degrees(0.5), scale=4)``, ``CosFaceLoss(3, 3, margin=0.35, scale=4)`` with every second
of ``PROXIES`` as ``W``, and ``SubCenterArcFaceLoss(…, sub_centers=2)`` with all. Three classes of three, as its
Smooth-AP splits the batch into as many groups as a class has examples.
"""

import numpy as np
import pytest

import ccp
from tests.support import loss_cases, recorded

# All longer than 1, so that lipschitz_normalize makes them unit vectors.
EMBEDDINGS = np.array(
    [[3, 1, -2], [2, 2, -1], [2, 1, 3], [-1, 3, 1], [0, 2, 2], [-2, -1, 2], [1, -3, 2], [2, -1, 1], [3, -2, -1]],
    np.float32,
)
LABELS = np.repeat([0, 1, 2], 3)
PROXIES = np.array([[1, 2, -1], [2, 0, -2], [0, 1, 2], [-2, 2, 1], [1, -1, 1], [3, -1, 0]], np.float32)
TWO_EACH = (LABELS, EMBEDDINGS, np.repeat([0, 1, 2], 2), PROXIES)
ONE_EACH = (LABELS, EMBEDDINGS, [0, 1, 2], PROXIES[::2])
# Smooth-AP counts an anchor among its own positives there.
WITH_ITSELF = (LABELS, EMBEDDINGS, LABELS, EMBEDDINGS)

# Loss, arguments, its value, and its gradient to the first and the sixth embedding.
VALUES = {
    "circle": (
        (ccp.CircleLoss(80, 0.4), (LABELS, EMBEDDINGS)),
        (47.0067156, [[-1.59377, -5.06642, -4.92387], [3.79426, -12.8639, -2.63771]]),
    ),
    "circle, soft": (
        (ccp.CircleLoss(3, 0.1), (LABELS, EMBEDDINGS)),
        (4.10419447, [[-0.0509642, -0.0804704, -0.116682], [0.042594, -0.268597, -0.0917047]]),
    ),
    "fast_ap": (
        (ccp.FastAPLoss(10), (LABELS, EMBEDDINGS)),
        (0.364980294, [[0.0175926, -0.0467448, 0.00301645], [0.0453992, -0.0278456, 0.0314764]]),
    ),
    "fast_ap, few bins": (
        (ccp.FastAPLoss(4), (LABELS, EMBEDDINGS)),
        (0.467422242, [[0.0105808, -0.0333798, -0.000818722], [0.0150788, -0.0367867, -0.00331451]]),
    ),
    "arcface": (
        (ccp.ArcFaceLoss(4, 0.5), ONE_EACH),
        (1.01896269, [[0.0219457, -0.033504, 0.0161665], [0.0380521, -0.123438, -0.0236667]]),
    ),
    "cosface": (
        (ccp.CosFaceLoss(4, 0.35), ONE_EACH),
        (0.892924333, [[0.0164936, -0.0221398, 0.0136705], [0.0348258, -0.0967167, -0.0135326]]),
    ),
    "sub-centre arcface": (
        (ccp.ArcFaceLoss(4, 0.5), TWO_EACH),
        (1.08057308, [[0.0312992, 0.00545973, 0.0496786], [0.0380521, -0.123438, -0.0236667]]),
    ),
    "sub-centre arcface, sharp": (
        (ccp.ArcFaceLoss(64, 0.5), TWO_EACH),
        (11.2060056, [[0.555015, 0.0790762, 0.872061], [0.883051, -2.79568, -0.514787]]),
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_equals_its_value_and_gradient(case):
    (loss, arguments), (expected, expected_gradient) = VALUES[case]
    value, gradient, *_ = loss_cases.value_and_gradients(loss, *arguments)
    recorded.assert_matches(value, expected)
    recorded.assert_matches(gradient.numpy()[[0, 5]], expected_gradient)


@pytest.mark.parametrize(
    ("temperature", "expected", "expected_gradient"),
    [
        (0.01, 0.135294631, [[-0.00760895, -0.00395913, -0.013393], [0.0290048, -0.0592988, -0.000644589]]),
        (0.3, 0.301071435, [[0.00567337, -0.0137007, 0.00165972], [0.0150471, -0.0257231, 0.00218556]]),
    ],
)
def test_smooth_ap_with_each_anchor_among_its_positives(temperature, expected, expected_gradient):
    loss = ccp.SmoothAPLoss(temperature)
    value, *gradients = loss_cases.value_and_gradients(loss, *WITH_ITSELF)
    recorded.assert_matches(value, expected)
    recorded.assert_matches((gradients[0] + gradients[1]).numpy()[[0, 5]], expected_gradient, 2e-5)


def test_sub_centers_gradient():
    _, _, gradient = loss_cases.value_and_gradients(ccp.ArcFaceLoss(4, 0.5), *TWO_EACH)
    expected = [[-0.15765, 0.035245, -0.087163], [0.019118, -0.11402, 0.019118], [0.21181, 0.019366, -0.0096828]]
    recorded.assert_matches(gradient[:3], expected, 1e-4)
