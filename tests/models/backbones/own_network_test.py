"""Networks of the user's own: what they compute, and which do not fit."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from models.embedding import build_embedding_model, image_format
from models.settings import NetworkSettings
from models.weights.start_weights import check_start_weights, load_start_weights
from tests.support import pictures
from tests.support.own_networks import SIZE, OwnNetworkTest, images


class BuiltTest(OwnNetworkTest):
    @parameterized.parameters(
        ("0_255", lambda images: images),
        ("0_1", lambda images: images / 255.0),
        ("-1_1", lambda images: images / 127.5 - 1.0),
        ("imagenet", lambda images: (images / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ("caffe", lambda images: (images - [123.68, 116.779, 103.939])[..., ::-1]),
    )
    def test_sees_its_range_with_its_weights(self, input_range, converted):
        path, network = self.saved(tf.keras.layers.Conv2D(5, 3))
        model = self.build(path, input_range=input_range)
        self.assert_embeds(model, images(), network(converted(images()).astype(np.float32)).numpy())

    @parameterized.parameters(
        ((), (3,)),  # A map.
        ((tf.keras.layers.Reshape((-1, 3)),), (3,)),  # Tokens.
        ((tf.keras.layers.GlobalMaxPooling2D(),), (3,)),  # A vector, as it is.
        ((tf.keras.layers.Flatten(),), (SIZE * SIZE * 3,)),
    )
    def test_outputs(self, layers, width):
        path, network = self.saved(tf.keras.layers.Conv2D(3, 1), *layers)
        model = self.build(path)
        features = network(images()).numpy()
        self.assertEqual(features.shape[-1:], width)
        self.assert_embeds(model, images(), features)

    def assert_embeds(self, model, inputs, features):
        """Of features by the network itself, the embedding layer sees their mean."""
        pooled = features if features.ndim == 2 else features.reshape(2, -1, features.shape[-1]).mean(axis=1)
        expected = pooled @ model.get_layer("embedding").get_weights()[0]
        self.assertAllClose(model(inputs), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())

    def test_trains_with_frozen_batch_norms_and_without_dropout(self):
        inner = tf.keras.Sequential([tf.keras.layers.Conv2D(4, 3), tf.keras.layers.Dropout(0.5)])
        path, _ = self.saved(
            tf.keras.layers.Rescaling(1 / 255),
            inner,
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.SpatialDropout2D(0.5),
        )
        model = self.build(path, freeze_bn=True)
        with tf.GradientTape() as tape:
            embeddings = model(images(), training=True)
            loss = tf.reduce_mean(tf.square(embeddings))
        self.assertAllClose(embeddings, model(images(), training=False), rtol=1e-5, atol=1e-5)
        self.assertLen(model.trainable_variables, 3)  # Kernel and bias, and the embedding.
        for gradient in tape.gradient(loss, model.trainable_variables):
            self.assertGreater(np.abs(gradient).max(), 0.0)

    def test_weights_are_the_files_unless_others_are_asked_for(self):
        path, network = self.saved(tf.keras.layers.Conv2D(4, 3, bias_initializer="ones"))
        kernel, bias = network.get_weights()
        for weights in ("", "none"):
            settings = NetworkSettings(path, input_range="0_255", weights=weights)
            check_start_weights(settings)
            model = build_embedding_model(settings, 3, seed=0)
            load_start_weights(model, settings, earlier_run=None)
            ours = model.get_weights()
            self.assertAllEqual(ours[1], bias)
            self.assertEqual(np.array_equal(ours[0], kernel), weights == "")

    def test_sequential_networks(self):
        path = str(pictures.folder_for(self) / "sequential.keras")
        network = tf.keras.Sequential([tf.keras.Input((SIZE, SIZE, 3)), tf.keras.layers.Conv2D(4, 3)])
        network.save(path)
        for weights in ("", "none"):
            model = self.build(path, weights=weights)
            self.assertEqual(np.array_equal(model.get_weights()[0], network.get_weights()[0]), weights == "")
            self.assertEqual(model(images()).shape, (2, 4))

    def test_size_is_the_files(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        self.assertEqual(image_format(NetworkSettings(path, input_range="0_1"), 3).size, SIZE)
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3), shape=(None, None, 3))
        self.assertEqual(image_format(NetworkSettings(path, input_range="0_1", image_size=20), 3).size, 20)
        self.assert_refused("takes images of any size; pass --image_size", path)

    def test_grey_images_are_repeated_for_three_channels(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        grey = images(channels=1)
        self.assertAllClose(self.build(path, 1)(grey), self.build(path)(np.repeat(grey, 3, axis=-1)), rtol=1e-5)

    def test_grey_networks(self):
        path, network = self.saved(tf.keras.layers.Conv2D(4, 3), shape=(SIZE, SIZE, 1))
        grey = images(channels=1)
        self.assert_embeds(self.build(path, 1, input_range="-1_1"), grey, network(grey / 127.5 - 1.0).numpy())
        self.assert_refused("takes images of 1 channels; got 3", path)
        self.assert_refused("takes grey images; pass --input_range=0_255", path, 1, input_range="caffe")


class RefusedTest(OwnNetworkTest):
    def test_range_is_asked_for(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        self.assert_refused("Which intensities .* Pass --input_range: 0_255", path, input_range="backbone")
        with self.assertRaisesRegex(ConfigError, "only matters with --backbone=FILE.keras and hub/PRESET"):
            NetworkSettings("conv4", input_range="0_1")

    @parameterized.parameters(
        ({"image_size": 20}, "16 × 16 pixels; pass --image_size=16"),
        ({"backbone_digest": "0" * 64}, "has changed since the run was started .*Put the same file back"),
        ({"mixed_precision": "float16"}, "--mixed_precision does not reach"),
    )
    def test_settings_that_do_not_fit(self, settings, message):
        self.assert_refused(message, self.saved(tf.keras.layers.Conv2D(4, 3))[0], **settings)

    @parameterized.parameters(
        ((8, 9, 3), (), "takes images of 8 × 9 pixels; square ones are needed"),
        ((8, 8, 4), (), "1 or 3 channels; the network in .* takes 4"),
        ((8,), (), r"one input, \[batch, height, width, channels\]"),
        ((8, 8, 3), (tf.keras.layers.Reshape((2, 2, 2, 24)),), "one output, .*2, 2, 2, 24"),
    )
    def test_networks_that_do_not_fit(self, shape, layers, message):
        self.assert_refused(message, self.saved(tf.keras.layers.Activation("relu"), *layers, shape=shape)[0])


if __name__ == "__main__":
    tf.test.main()
