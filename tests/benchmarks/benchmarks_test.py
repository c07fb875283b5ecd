"""What the benchmarks rest on; how fast anything is, is not tested."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from benchmarks import losses
from benchmarks.timing import ratio, take_turns


class TimingTest(tf.test.TestCase):
    def test_sides_take_turns_in_alternating_order(self):
        calls = []
        sides = {name: lambda name=name: calls.append(name) for name in "ab"}
        times = take_turns(sides, rounds=3, calls_per_turn=2, warm_up=1)
        # One warm-up each; then a twice and b twice, the order reversed from round to round.
        self.assertEqual("".join(calls), "ab" + "aabb" + "bbaa" + "aabb")
        self.assertEqual(times["a"].wall.shape, (3,))

    def test_ratio_is_taken_round_by_round(self):
        # 2 / 1, 4 / 2 and 30 / 10 are 2, 2 and 3; the ratio of the means would be 36 / 13.
        measured = ratio(np.array([2.0, 4.0, 30.0]), np.array([1.0, 2.0, 10.0]))
        self.assertEqual(measured.median, 2.0)
        self.assertEqual((measured.low, measured.high), (2.0, 2.5))


class WorkloadTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(losses.MATMUL, *losses.LOSSES)
    def test_value_and_both_gradients(self, name):
        small, _ = losses.memory_workload(name)
        value, gradients = small()
        self.assertAllInRange(value, -np.inf, np.inf, open_lower_bound=True, open_upper_bound=True)
        self.assertEqual([g.shape for g in gradients], [(32, 128), (400, 128)])
        for gradient in gradients:
            self.assertTrue(np.isfinite(gradient).all())
            self.assertGreater(np.abs(gradient).max(), 0)


if __name__ == "__main__":
    tf.test.main()
