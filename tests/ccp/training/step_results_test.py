"""Results of steps that are read together: sums of losses, and where something is not finite."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ccp.training.progress import Progress
from ccp.training.step_results import StepResult, UnreadResults


def added(progress, *rows):
    """Results of steps (loss, norm, skipped) at a learning rate of ¼ that are still to be read."""
    results = UnreadResults(progress)
    for loss, norm, skipped in rows:
        progress.count_step()
        results.add(StepResult(*map(tf.constant, (loss, norm, 0.25, skipped))))
    return results


class UnreadResultsTest(tf.test.TestCase):
    def test_losses_are_added_once_in_order_as_python_adds_them(self):
        progress = Progress(loss_sum=0.1)
        results = added(progress, (0.2, 1.0, False), (0.3, 1.0, False))
        self.assertLen(results, 2)
        self.assertIsNone(results.read())
        expected = 0.1 + float(np.float32(0.2)) + float(np.float32(0.3))
        self.assertEqual(progress.loss_sum, expected)
        self.assertEmpty(results)
        self.assertIsNone(results.read())
        self.assertEqual(progress.loss_sum, expected)

    def test_terms_are_added_one_by_one_and_logged_as_means(self):
        progress = Progress(term_sums={"a": 0.1})
        results = UnreadResults(progress)
        for a in (0.2, 0.3):
            progress.count_step()
            results.add(StepResult(*map(tf.constant, (1.0, 1.0, 0.25, False)), {"a": tf.constant(a)}))
        self.assertIsNone(results.read())
        expected = 0.1 + float(np.float32(0.2)) + float(np.float32(0.3))
        self.assertEqual(progress.term_sums, {"a": expected})
        self.assertEqual(progress.close_epoch({})["loss/a"], expected / 2)
        self.assertEqual(progress.term_sums, {})

    def test_the_first_step_with_something_not_finite_is_named(self):
        progress = Progress(epoch=2, step=10, total_steps=110)
        inf = float("inf")
        problem = added(progress, (1.0, 1.0, False), (2.0, -inf, False), (inf, 1.0, False)).read()
        self.assertEqual(problem, "gradient's norm is -inf at step 12 of epoch 3 (step 112 overall)")
        problem = added(progress, (inf, inf, True)).read()
        self.assertEqual(problem, "loss is inf at step 14 of epoch 3 (step 114 overall)")

    def test_a_skipped_step_may_have_a_norm_that_is_not_finite(self):
        progress = Progress(learning_rate_sum=0.25)
        self.assertIsNone(added(progress, (1.0, float("nan"), True), (1.0, 1.0, False)).read())
        self.assertEqual(progress.learning_rate_sum, 0.5)  # It moved nothing.


if __name__ == "__main__":
    tf.test.main()
