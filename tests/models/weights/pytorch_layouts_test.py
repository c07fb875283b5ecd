"""PyTorch's names and layouts of weights."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.weights import packaged_weights, pytorch_checkpoint
from models.weights.pytorch_layouts import keras_tensors


class KerasTensorsTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters("", "module.model.backbone.")
    def test_names_of_bn_inception(self, prefix):
        names = {
            "conv2_3x3.weight": "conv2_3x3/kernel",
            "conv2_3x3.bias": "conv2_3x3/bias",
            "conv2_3x3_bn.weight": "conv2_3x3_bn/gamma",
            "conv2_3x3_bn.bias": "conv2_3x3_bn/beta",
            "conv2_3x3_bn.running_mean": "conv2_3x3_bn/moving_mean",
            "conv2_3x3_bn.running_var": "conv2_3x3_bn/moving_variance",
            "last_linear.weight": "last_linear/kernel",
            "fc.bias": "fc/bias",
            "unknown.thing.other": "unknown.thing/other",
        }
        state = {prefix + name: np.full(3, i) for i, name in enumerate(names)}
        tensors = keras_tensors(
            {**state, prefix + "conv2_3x3_bn.num_batches_tracked": np.array(1)}, pytorch_checkpoint.layer_name
        )
        self.assertEqual(
            {name: array[0] for name, array in tensors.items()}, {n: i for i, n in enumerate(names.values())}
        )

    def test_layouts(self):
        kernel = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)  # [out, in, height, width]
        tensors = keras_tensors({"a.weight": kernel, "fc.weight": kernel[0, 0], "a_bn.bias": kernel[:1, 0, 0, 0]}, str)
        for o, i, h, w in np.ndindex(kernel.shape):
            self.assertEqual(tensors["a/kernel"][h, w, i, o], kernel[o, i, h, w])
        self.assertAllEqual(tensors["fc/kernel"], kernel[0, 0].T)
        self.assertAllEqual(tensors["a_bn/beta"], kernel[:1, 0, 0, 0])  # A channel, not a batch norm of 2017.

    @parameterized.parameters((1, 4, True), (4, 1, False), (2, 4, False))
    def test_batch_norms_of_2017(self, rows, columns, is_squeezed):
        array = np.arange(rows * columns).reshape(rows, columns)
        tensor = keras_tensors({"a_bn.weight": array}, str)["a_bn/gamma"]
        self.assertAllEqual(tensor, array[0] if is_squeezed else array)

    @parameterized.parameters(
        ("_conv_stem.weight", (4, 3, 2, 1), "conv_stem/kernel", (2, 1, 3, 4)),
        ("_blocks.12._depthwise_conv.weight", (4, 1, 3, 2), "blocks_12_depthwise_conv/depthwise_kernel", (3, 2, 4, 1)),
        ("_blocks.0._bn2.running_var", (4,), "blocks_0_bn2/moving_variance", (4,)),
        ("_bn1.weight", (4,), "bn1/gamma", (4,)),
        ("_fc.weight", (4, 3), "fc/kernel", (3, 4)),
        ("_fc.bias", (4,), "fc/bias", (4,)),
    )
    def test_names_and_layouts_of_efficientnet_lite(self, name, shape, expected_name, expected_shape):
        state = {name: np.zeros(shape), "_bn0.num_batches_tracked": np.zeros(())}
        ((found, array),) = keras_tensors(state, packaged_weights.layer_name).items()
        self.assertEqual((found, array.shape), (expected_name, expected_shape))


if __name__ == "__main__":
    tf.test.main()
