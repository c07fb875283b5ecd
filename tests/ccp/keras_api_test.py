"""What is asked of Keras beyond its usual interface."""

import tensorflow as tf

from ccp.keras_api import create_moments, layers_of, rate_of_next_step, tf_variable, weight_name


def test_layers_of_inner_models_are_found_once():
    norm, dense = tf.keras.layers.BatchNormalization(), tf.keras.layers.Dense(2)
    inner = tf.keras.Sequential([tf.keras.Input((3,)), dense, norm])
    model = tf.keras.Sequential([tf.keras.Input((3,)), inner])
    found = [id(layer) for layer in layers_of(model)]
    assert all(found.count(id(layer)) == 1 for layer in (model, inner, dense, norm))


def test_layers_in_a_module_that_is_no_layer_are_found_if_they_are_trained():
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.norm = tf.keras.layers.BatchNormalization()

    class Model(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = Module()

        def call(self, inputs, training=False):
            return self.inner.norm(inputs, training=training)

    model = Model()
    model(tf.zeros((1, 2)))
    found = {id(variable) for layer in layers_of(model)[1:] for variable in layer.trainable_variables}
    assert {id(variable) for variable in model.trainable_variables} == found


def test_the_rate_of_the_next_step_is_what_that_step_uses():
    weight, rates = tf.Variable(0.0), [1.0, 2.0, 4.0]
    schedule = tf.keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], rates)
    for rate, expected in ((schedule, rates), (0.5, [0.5] * 3)):
        optimizer = tf.keras.optimizers.SGD(rate)
        create_moments(optimizer, [weight])
        for step_rate in expected:
            before = weight.numpy()
            assert rate_of_next_step(optimizer) == step_rate
            optimizer.apply_gradients([(tf.constant(-1.0), weight)])
            assert weight - before == step_rate


def test_weights_have_the_names_of_published_files():
    layers = [
        tf.keras.layers.Conv2D(2, 1, name="conv"),
        tf.keras.layers.DepthwiseConv2D(1, name="depthwise"),
        tf.keras.layers.BatchNormalization(name="norm"),
    ]
    tf.keras.Sequential([tf.keras.Input((4, 4, 3)), *layers])
    named = [[weight_name(layer, variable) for variable in layer.weights] for layer in layers]
    assert named == [
        ["kernel", "bias"],
        ["depthwise_kernel", "bias"],
        ["gamma", "beta", "moving_mean", "moving_variance"],
    ]


def test_the_variable_of_tensorflow_is_the_same_storage():
    plain, layer = tf.Variable([1.0, 2.0]), tf.keras.layers.Dense(1, use_bias=False)
    layer.build((None, 1))
    tf_variable(layer.kernel).assign([[5.0]])
    assert isinstance(tf_variable(layer.kernel), tf.Variable)
    assert layer(tf.ones([1, 1])).numpy().item() == 5.0
    assert tf_variable(plain) is plain
