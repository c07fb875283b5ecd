"""The principal plane."""

import numpy as np
from absl.testing import parameterized

from evaluate.figures.plane import principal_plane


class PrincipalPlaneTest(parameterized.TestCase):
    def test_by_hand(self):
        # Around (5, 5, 5): ± 2 along the third axis, ± 1 along the first, nothing along the second.
        points = 5.0 + np.array([[0, 0, 2], [0, 0, -2], [1, 0, 0], [-1, 0, 0]])
        plane = principal_plane(points)
        np.testing.assert_allclose(np.abs(plane.axes), [[0, 1], [0, 0], [1, 0]], atol=1e-12)
        np.testing.assert_allclose(np.abs(plane.flat(points)), [[2, 0], [2, 0], [0, 1], [0, 1]], atol=1e-12)
        # What is off the plane is projected onto it.
        np.testing.assert_allclose(plane.flat(np.array([[5.0, 9.0, 5.0]])), [[0, 0]], atol=1e-12)

    @parameterized.parameters(((1, 3),), ((4, 1),), ((1, 1),))
    def test_fewer_directions_than_two(self, shape):
        points = np.random.default_rng(0).normal(size=shape)
        self.assertEqual(np.abs(principal_plane(points).flat(points)[:, 1]).max(), 0.0)
