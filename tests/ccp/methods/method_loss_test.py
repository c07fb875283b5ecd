"""What holds of every loss that puts a training method around a pair loss."""

import json
import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ClassProxies, ProxyAnchorLoss, ReferenceLoss
from ccp.methods.hierarchical_proxies import HierarchicalProxyLoss
from ccp.methods.mdr import MDRLoss
from ccp.methods.proxy_synthesis import ProxySynthesisLoss
from tests.support import loss_cases

BATCHES = [loss_cases.Sample.of([4, 0, 0, 2, 3, 3, 2], [0], seed=seed) for seed in range(6)]


class WithVariable(ProxyAnchorLoss):
    """A pair loss that holds a variable."""

    def __init__(self):
        super().__init__()
        self.own = ClassProxies(1, 1, 1)

    @property
    def parts(self):
        return (self.own,)


def proxies():
    return ClassProxies(5, 2, 4, seed=3)


# Each with settings apart from the defaults; the proxies move at every step, so that all they lead to moves.
BUILDERS = {
    "mdr": lambda pair_loss: MDRLoss(pair_loss, 0.5, (-1, 0.5), momentum=0.6, level_weight=0.3, name="mine"),
    "proxy_synthesis": lambda pair_loss: ProxySynthesisLoss(
        pair_loss, proxies(), alpha=0.7, ratio=0.6, seed=9, name="mine"
    ),
    "hierarchical": lambda pair_loss: HierarchicalProxyLoss(
        pair_loss, proxies(), num_coarse=3, coarse_weight=0.4, period=2, name="mine"
    ),
}


def built(name):
    return BUILDERS[name](ProxyAnchorLoss(scale=3.0))


def variables_of(loss):
    return [v for part in loss.parts for v in [*part.trainable_variables, *part.non_trainable_variables]]


def trained(loss, batches):
    """The losses of a few steps of gradient descent on what the loss holds."""
    values = []
    for sample in batches:
        variables = [v for part in loss.parts for v in part.trainable_variables]
        with tf.GradientTape() as tape:
            values.append(loss(*sample.arguments("batch")))
        for variable, gradient in zip(variables, tape.gradient(values[-1], variables)):
            variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
    return [float(value) for value in values]


@parameterized.parameters(*BUILDERS)
class MethodLossTest(parameterized.TestCase, tf.test.TestCase):
    def test_a_restored_loss_goes_on_as_the_saved_one(self, name):
        loss = built(name)
        trained(loss, BATCHES[:3])
        path = tf.train.Checkpoint(parts=list(loss.parts)).write(os.path.join(self.get_temp_dir(), "parts"))
        again = built(name)
        tf.train.Checkpoint(parts=list(again.parts)).read(path).assert_consumed()
        self.assertEqual(trained(again, BATCHES[3:]), trained(loss, BATCHES[3:]))
        for variable, expected in zip(variables_of(again), variables_of(loss)):
            self.assertAllEqual(variable, expected)
        self.assertNotAllClose(trained(built(name), BATCHES[3:]), trained(again, BATCHES[3:]), rtol=1e-4)

    def test_configuration_round_trip(self, name):
        loss = built(name)
        again = tf.keras.losses.deserialize(json.loads(json.dumps(tf.keras.losses.serialize(loss))))
        self.assertIs(type(again), type(loss))
        self.assertEqual(again.get_config(), loss.get_config())
        self.assertEqual((again.name, again.pair_loss.scale), ("mine", 3.0))
        self.assertIsNot(again.parts[0], loss.parts[0])
        self.assertEqual(trained(again, BATCHES), trained(loss, BATCHES))

    def test_compiled_equals_eager(self, name):
        eager, loss = built(name), built(name)
        signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 4], tf.float32)]
        compiled = tf.function(loss, input_signature=signature)
        for sample in BATCHES:
            for size in (7, 3, 1):  # A batch of one and the last of an epoch among them.
                batch = sample.labels[:size], sample.embeddings[:size]
                self.assertAllClose(compiled(*batch), eager(*batch), rtol=1e-5)

    def test_the_pair_losses_parts_are_its_own(self, name):
        pair_loss = WithVariable()
        loss = BUILDERS[name](pair_loss)
        self.assertEqual(sum(part is pair_loss.own for part in loss.parts), 1)
        self.assertLen(set(map(id, loss.parts)), len(built(name).parts) + 1)

    def test_half_precision(self, name):
        self.addCleanup(tf.keras.mixed_precision.set_global_policy, tf.keras.mixed_precision.global_policy())
        expected = trained(built(name), BATCHES[:1])
        tf.keras.mixed_precision.set_global_policy("mixed_float16")
        loss, embeddings = built(name), tf.cast(BATCHES[0].embeddings, tf.float16)
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(BATCHES[0].labels, embeddings)
        self.assertEqual(value.dtype, tf.float32)
        self.assertAllClose(value, expected[0], rtol=1e-2)
        self.assertEqual({v.dtype for v in variables_of(loss)} - {tf.int64}, {tf.float32})
        self.assertTrue(np.isfinite(tape.gradient(value, embeddings)).all())

    def test_refuses_sample_weight(self, name):
        with self.assertRaisesRegex(ValueError, f"{type(built(name)).__name__} is one number for the whole batch"):
            built(name)(*BATCHES[0].arguments("batch"), sample_weight=np.ones(7, np.float32))

    def test_labels_of_any_integer_type_and_as_a_column(self, name):
        labels, embeddings = BATCHES[0].arguments("batch")
        expected = built(name)(labels, embeddings)
        self.assertAllEqual(built(name)(labels.astype(np.uint8)[:, np.newaxis], embeddings), expected)


class DegenerateTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(
        name=tuple(BUILDERS),
        batch=(
            ([2, 2, 2], np.eye(3, 4)),
            ([4], np.eye(1, 4)),
            ([0, 0, 3, 4], np.full((4, 4), 0.5)),
            ([0, 0, 3, 4], np.zeros((4, 4))),
            ([0, 0, 3, 4], 1e4 * np.eye(4)),
        ),
    )
    def test_loss_and_gradients_are_finite(self, name, batch):
        loss, embeddings = built(name), tf.constant(batch[1], tf.float32)
        for _ in range(3):
            with tf.GradientTape() as tape:
                tape.watch(embeddings)
                value = loss(batch[0], embeddings)
            watched = [embeddings, *(v for part in loss.parts for v in part.trainable_variables)]
            self.assertTrue(np.isfinite(value))
            for gradient in tape.gradient(value, watched):
                self.assertAllInRange(tf.convert_to_tensor(gradient), -1e4, 1e4)


class MDRAroundProxiesTest(tf.test.TestCase):
    def test_trains_the_proxies_of_the_loss_inside(self):
        inner = ReferenceLoss(ProxyAnchorLoss(), [(proxies(), 1.0)])
        loss = MDRLoss(inner, 0.0, level_weight=0.0)
        self.assertIn(inner.sources[0], loss.parts)
        batch = BATCHES[0].arguments("batch")
        self.assertAllEqual(loss(*batch), inner(*batch))
