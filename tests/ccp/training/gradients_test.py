import tensorflow as tf

from ccp.training.gradients import batch_norm_variables, transform_gradients
from tests.support import recorded


def transformed(gradients, values, anchors=(), **settings):
    """Transforms plain numbers; ``anchors`` are for the first variables, all of them decayed unless told."""
    variables = [tf.Variable(value, dtype=tf.float32) for value in values]
    settings = {"proximal_weight": 0.0, "weight_decay": 0.0, "clip_norm": 1e9, "clip_value": 1e9, **settings}
    return transform_gradients(
        [tf.constant(gradient, tf.float32) for gradient in gradients],
        variables,
        anchors={id(v): tf.Variable(anchor, dtype=tf.float32) for v, anchor in zip(variables, anchors)},
        decayed={id(v) for v in variables},
        **settings,
    )


class TransformGradientsTest(tf.test.TestCase):
    def test_recorded(self):
        entries = recorded.below("gradient")
        names = ("kernel", "batch_norm_gamma", "proxies")
        variables = {name: tf.Variable(entries[f"{name}/value"]) for name in names}
        results, _ = transform_gradients(
            [tf.constant(entries[f"{name}/gradient"]) for name in names],
            list(variables.values()),
            # The proxies have no anchor, and batch-norm variables no decay.
            anchors={id(v): tf.Variable(entries[f"{n}/anchor"]) for n, v in variables.items() if n != "proxies"},
            decayed={id(variables["kernel"]), id(variables["proxies"])},
            proximal_weight=float(entries["proximal_weight"]),
            weight_decay=float(entries["weight_decay"]),
            clip_norm=float(entries["clip_norm"]),
            clip_value=float(entries["clip_value"]),
        )
        for name, result in zip(names, results):
            recorded.assert_matches(result, entries[f"{name}/transformed"])

    def test_penalties_by_hand(self):
        # 1 + 0.5 (3 − 7) + 0.1 · 3; the second has no anchor: 2 + 0.1 · 4.
        (first, second), _ = transformed([[1.0], [2.0]], [[3.0], [4.0]], [[7.0]], proximal_weight=0.5, weight_decay=0.1)
        self.assertAllClose((first, second), ([-0.7], [2.4]))

    def test_penalties_come_before_clipping(self):
        # Without the penalty the gradient is within the bound: 8 + 0.1 · 40 = 12, clipped to 10; not 8 + 4.
        (result,), norm = transformed([[8.0]], [[40.0]], weight_decay=0.1, clip_norm=10.0)
        self.assertAllClose((result, norm), ([10.0], 12.0))

    def test_the_norm_is_over_all_variables_and_is_returned_unclipped(self):
        # ‖(30, 40)‖ = 50: both are divided by 5.
        results, norm = transformed([[30.0], [40.0]], [[0.0], [0.0]], clip_norm=10.0)
        self.assertAllClose((results, norm), ([[6.0], [8.0]], 50.0))

    def test_values_are_clipped_after_the_norm(self):
        # (30, −40) → (6, −8) → (6, −7). The other way round: (7, −7), of norm 9.9 and left so.
        (result,), _ = transformed([[30.0, -40.0]], [[0.0, 0.0]], clip_norm=10.0, clip_value=7.0)
        self.assertAllClose(result, [6.0, -7.0])

    def test_small_and_zero_gradients_are_left_alone(self):
        results, norm = transformed([[0.0], [0.0]], [[1.0], [1.0]], clip_norm=10.0, clip_value=10.0)
        self.assertAllEqual((results, norm), ([[0.0], [0.0]], 0.0))

    def test_a_broken_gradient_shows_in_the_norm(self):
        _, norm = transformed([[float("nan")], [1.0]], [[0.0], [0.0]], clip_norm=10.0, clip_value=10.0)
        self.assertFalse(bool(tf.math.is_finite(norm)))

    def test_compiled_follows_the_proximal_weight(self):
        weight, anchor, proximal = tf.Variable([3.0]), tf.Variable([1.0]), tf.Variable(0.0)

        @tf.function
        def step(gradient):
            return transform_gradients(
                [gradient],
                [weight],
                anchors={id(weight): anchor},
                proximal_weight=proximal,
                decayed=set(),
                weight_decay=0.1,
                clip_norm=1e9,
                clip_value=1e9,
            )[0][0]

        self.assertAllClose(step(tf.constant([1.0])), [1.0])
        proximal.assign(0.25)  # 1 + 0.25 (3 − 1)
        self.assertAllClose(step(tf.constant([1.0])), [1.5])
        anchor.assign([-1.0])  # 1 + 0.25 (3 + 1)
        self.assertAllClose(step(tf.constant([1.0])), [2.0])


class BatchNormVariablesTest(tf.test.TestCase):
    def test_finds_them_at_any_depth_and_by_nothing_but_their_layer(self):
        norms = [tf.keras.layers.BatchNormalization() for _ in range(2)]
        dense = tf.keras.layers.Dense(4, name="batch_normalization_in_name_only")
        inner = tf.keras.Sequential([tf.keras.layers.Dense(4), norms[0]])
        model = tf.keras.Sequential([tf.keras.layers.Input((3,)), inner, dense, norms[1]])
        found = batch_norm_variables(model)
        self.assertEqual(found, {id(v) for norm in norms for v in norm.weights})
        self.assertLen(found, 8)
        self.assertNotIn(id(dense.kernel), found)
