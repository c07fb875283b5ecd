"""A step as a graph: by XLA where that takes it, and without where not."""

from __future__ import annotations

from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.training import compiled_step
from ccp.training.compiled_step import CompiledStep
from tests.support.toy_training import Watcher, toy_settings, toy_trainer


def doubled_outside(x):
    """Twice ``x``, by an operation that XLA cannot compile."""
    return tf.numpy_function(lambda value: 2 * value, [x], tf.float32)


class CompiledStepTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.calls = tf.Variable(0)

    def doubled(self, x, outside):
        self.calls.assign_add(1)
        return doubled_outside(x) if outside else 2.0 * x

    def test_a_refused_step_runs_once_and_without_xla(self):
        step = CompiledStep(self.doubled, jit_compile=True)
        with self.assertLogs("ccp", "WARNING") as logs:
            self.assertAllEqual(step(tf.constant([3.0]), True), [6.0])
        self.assertRegex(
            logs.output[0], r"XLA cannot compile this training step \(.*PyFunc.*\); training continues without"
        )
        self.assertLess(len(logs.output[0]), 300)
        self.assertAllEqual(self.calls, 1)
        with mock.patch.object(compiled_step._LOGGER, "warning") as warning:  # It is logged once.
            self.assertAllEqual(step(tf.constant([4.0]), True), [8.0])
        warning.assert_not_called()

    def test_a_later_kind_of_step_may_be_the_one_that_is_refused(self):
        # As the first step after the warm-up, which differentiates the whole network.
        step = CompiledStep(self.doubled, jit_compile=True)
        self.assertAllEqual(step(tf.constant([3.0]), False), [6.0])
        with self.assertLogs("ccp", "WARNING"):
            self.assertAllEqual(step(tf.constant([3.0]), True), [6.0])
        self.assertAllEqual(self.calls, 2)
        self.assertAllEqual(step(tf.constant([4.0]), False), [8.0])

    def test_what_fails_once_it_has_run_is_an_error(self):
        # XLA compiles again for each value of a shape, without another trace.
        step = CompiledStep(tf.reshape, jit_compile=True)
        self.assertAllEqual(step(tf.constant([1.0, 2.0]), tf.constant([2, 1])), [[1.0], [2.0]])
        warn = mock.patch.object(compiled_step._LOGGER, "warning")
        with warn as warning, self.assertRaises(tf.errors.InvalidArgumentError):
            step(tf.constant([1.0, 2.0]), tf.constant([3, 1]))
        warning.assert_not_called()

    def test_an_error_without_xla_is_none_of_its_refusals(self):
        step = CompiledStep(lambda x: tf.gather(x, 5), jit_compile=False)
        with self.assertRaises(tf.errors.InvalidArgumentError):
            step(tf.constant([1.0]))


class TrainingTest(parameterized.TestCase, tf.test.TestCase):
    def trained(self, loss, jit_compile):
        settings = toy_settings(loss, jit_compile=jit_compile, max_epochs=2, warm_up_epochs=1)
        watcher = Watcher(lambda: trainer.progress.loss_sum)
        trainer = toy_trainer(settings, callbacks=[watcher])
        trainer.fit()
        return [watcher.seen, *trainer.model.get_weights()]

    def test_xla_computes_the_same(self):
        with mock.patch.object(compiled_step._LOGGER, "warning") as warning:
            compiled = self.trained("ccp/contrastive", jit_compile=True)
        warning.assert_not_called()
        self.assertTrainedAlike(compiled, self.trained("ccp/contrastive", jit_compile=False), tolerance=1e-5)

    def test_a_loss_that_xla_does_not_take_trains_without_it(self):
        with self.assertLogs("ccp", "WARNING") as logs:  # It draws negatives.
            compiled = self.trained("margin", jit_compile=True)
        self.assertIn("StatelessMultinomial", logs.output[0])
        self.assertLen(logs.output, 1)
        self.assertTrainedAlike(compiled, self.trained("margin", jit_compile=False), tolerance=0)

    def assertTrainedAlike(self, values, others, tolerance):
        for value, other in zip(values, others):
            self.assertAllClose(value, other, rtol=tolerance, atol=tolerance)
        self.assertGreater(np.abs(values[0][-1]), 0)


if __name__ == "__main__":
    tf.test.main()
