"""One step on one device; on several: tests/distributed_test.py."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ccp.errors import TrainingError
from ccp.training.settings import GradientSettings
from ccp.training.training_step import TrainingStep
from tests.support.toy_training import FEATURES, toy_batches, toy_settings, toy_trainer

_RATE = 0.01
SGD = tf.keras.optimizers.SGD(0.001)


class TrainingStepTest(tf.test.TestCase):
    def test_adam_steps_along_the_gradient_of_the_loss_of_the_network(self):
        trainer = toy_trainer(toy_settings("proxy/contrastive", weight_decay=0.0))
        images, labels = next(toy_batches(0, 0))
        variables = [*trainer.model.trainable_variables, trainer.loss.proxies.points]
        before = [v.numpy() for v in variables]
        with tf.GradientTape() as tape:  # Through network and loss at once, where the step has a tape for each.
            value = trainer.loss(labels, trainer.model(images, training=True))
        gradients = tape.gradient(value, variables)
        norm = np.sqrt(sum(np.square(gradient.numpy().astype(np.float64)).sum() for gradient in gradients))
        self.assertLess(norm, 10.0)  # Not clipped.

        loss, gradient_norm, *_ = trainer.state.step(images, labels)
        self.assertAllClose(loss, value, rtol=1e-5)
        self.assertAllClose(gradient_norm, norm, rtol=1e-5)
        for variable, old, gradient in zip(variables, before, gradients):
            # Adam's moments are 0.1 g and 0.001 g² after one step, and 0.1 and √0.001 are corrected for: but not in ε.
            expected = -_RATE * gradient / (np.abs(gradient) + 1e-7 / np.sqrt(0.001))
            self.assertAllClose(variable - old, expected, rtol=0, atol=2e-5)

    def test_warming_up_trains_head_and_proxies_in_inference_mode(self):
        trainer = toy_trainer(toy_settings("proxy/contrastive"))
        norm, body, head = trainer.model.layers
        before = [v.numpy() for v in (*norm.weights, *body.weights)]
        trained = [head.kernel.numpy(), trainer.loss.proxies.points.numpy()]
        trainer.state.step(*next(toy_batches(0, 0)), warming_up=True)
        for variable, old in zip((*norm.weights, *body.weights), before):
            self.assertAllEqual(variable, old)
        for variable, old in zip((head.kernel, trainer.loss.proxies.points), trained):
            self.assertNotAllClose(variable, old)

    def test_the_network_s_regularisation_is_part_of_the_loss(self):
        images, labels = next(toy_batches(0, 0))
        inputs = tf.keras.Input([FEATURES])
        layer = tf.keras.layers.Dense(3, kernel_regularizer=tf.keras.regularizers.L2(100.0))
        model = tf.keras.Model(inputs, layer(inputs))
        start = layer.kernel.numpy()
        gradients = GradientSettings(weight_decay=0.0, clip_norm=1e9, clip_value=1e9)
        step = TrainingStep(model, lambda labels, embeddings: 0.0 * tf.reduce_sum(embeddings), SGD, gradients)
        loss, norm, *_ = step(images, labels)
        self.assertAllClose(loss, 100.0 * np.square(start).sum(), rtol=1e-5)
        self.assertAllClose(norm, 200.0 * np.linalg.norm(start), rtol=1e-5)
        self.assertAllClose(layer.kernel, start - 0.001 * 200.0 * start, rtol=1e-5)

    def test_by_xla_it_computes_the_same(self):
        results = []
        for jit_compile in (True, False):
            trainer = toy_trainer(toy_settings("ccp/contrastive", jit_compile=jit_compile))
            loss, *_ = trainer.state.step(*next(toy_batches(0, 0)))
            results.append([loss, *trainer.model.get_weights()])
        for value, other in zip(*results):
            self.assertAllClose(value, other, rtol=1e-5, atol=1e-5)

    def test_a_loss_that_xla_does_not_take_is_refused(self):
        trainer = toy_trainer(toy_settings("margin", jit_compile=True))  # It draws negatives.
        with self.assertRaisesRegex(TrainingError, "leave out jit_compile.*StatelessMultinomial"):
            trainer.state.step(*next(toy_batches(0, 0)))


if __name__ == "__main__":
    tf.test.main()
