"""The sample by which an exported network is compared with the training code."""

import pathlib
import types

import tensorflow as tf

from datasets.input.formats import ImageFormat
from experiments.settings import Settings
from experiments.trained_network import _sample
from models.serving.network import ENCODED, EmbeddingNetwork
from tests.support import photographs


class SampleTest(tf.test.TestCase):
    def test_large_photographs(self):
        # 40 x 60 pixels for 12: evaluation reads the JPEG files at a third of that or less, and the PNG files whole.
        folder = pathlib.Path(self.get_temp_dir())
        test = photographs.examples(folder, photographs.write(folder, num_classes=3, per_class=3))
        network = tf.keras.Sequential([tf.keras.layers.Input([12, 12, 3]), tf.keras.layers.AveragePooling2D(4)])
        network.add(tf.keras.layers.Flatten())
        network.add(tf.keras.layers.Rescaling(1 / 255))
        image_format = ImageFormat(size=12, resize=12, channels=3)
        experiment = types.SimpleNamespace(
            splits=types.SimpleNamespace(test=test), format=image_format, bad_images=None, settings=Settings()
        )
        sample = _sample(experiment, network)
        self.assertLen(sample.files, 8)
        served = EmbeddingNetwork(network, image_format).signatures()[ENCODED]
        embeddings = served(encoded_images=tf.constant(sample.files))["embeddings"]
        self.assertAllClose(embeddings, sample.embeddings, rtol=0, atol=1e-6)
        self.assertEqual(sample.tolerance, 1e-5)


if __name__ == "__main__":
    tf.test.main()
