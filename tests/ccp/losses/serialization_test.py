"""Losses as Keras configurations and inside saved models."""

import json
import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import CCPLoss, ClassProxies, CrossBatchMemory, ReferenceLoss, TripletLoss
from tests.support import loss_cases

SAMPLE = loss_cases.Sample.of([0, 0, 1, 1], [0])
BATCH = SAMPLE.arguments("batch")


def through_json(loss):
    config = json.loads(json.dumps(tf.keras.losses.serialize(loss)))
    return tf.keras.losses.deserialize(config)


class SerializationTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        *((name, settings) for name, several in loss_cases.EVERY_SETTING.items() for settings in several)
    )
    def test_pair_losses(self, name, settings):
        loss = loss_cases.build(name, {**settings, "name": "mine"})
        again = through_json(loss)
        self.assertIs(type(again), type(loss))
        self.assertEqual(again.get_config(), loss.get_config())
        self.assertEqual(again.name, "mine")
        self.assertEqual({key: again.get_config()[key] for key in settings}, settings)
        self.assertAllEqual(again(*BATCH), loss(*BATCH))

    @parameterized.parameters(*loss_cases.EVERY_SETTING)
    def test_defaults_are_the_papers_for_cub(self, name):
        config = loss_cases.build(name, {}).get_config()
        settings = loss_cases.EVERY_SETTING[name][0]
        self.assertEqual({key: config[key] for key in settings}, settings)

    def test_references(self):
        sources = [(ClassProxies(3, 2, 4, seed=5), 0.25), (CrossBatchMemory(8, 4, start_step=2), 2.0)]
        loss = ReferenceLoss(TripletLoss(0.3), sources, batch_weight=0.5, name="mine")
        again = through_json(loss)
        self.assertIs(type(again), ReferenceLoss)
        self.assertEqual(again.get_config(), loss.get_config())
        self.assertEqual((again.name, again.batch_weight, again.pair_loss.margin), ("mine", 0.5, 0.3))
        self.assertEqual([type(s) for s in again.sources], [ClassProxies, CrossBatchMemory])
        self.assertEqual([weight for _, weight in again.weighted_sources], [0.25, 2.0])
        self.assertEqual((again.sources[0].seed, again.sources[1].start_step), (5, 2))
        for _ in range(5):  # Two batches before the memory starts to fill, two that fill it, one more.
            self.assertAllEqual(again(*BATCH), loss(*BATCH))

    @parameterized.parameters(True, False)
    def test_ccp(self, with_memory):
        memory = CrossBatchMemory(4, 4) if with_memory else None
        loss = CCPLoss(TripletLoss(0.3), ClassProxies(3, 2, 4), 0.2, 0.9, memory=memory, memory_weight=0.4)
        again = through_json(loss)
        self.assertIs(type(again), CCPLoss)
        self.assertEqual(again.get_config(), loss.get_config())
        self.assertEqual((again.batch_weight, again.proxy_weight, again.memory_weight), (0.2, 0.9, 0.4))
        self.assertLen(again.sources, 2 if with_memory else 1)
        self.assertIsNot(again.proxies.points, loss.proxies.points)
        self.assertAllEqual(again(*BATCH), loss(*BATCH))


class SavedModelTest(parameterized.TestCase, tf.test.TestCase):
    def compiled_model(self, loss):
        tf.keras.utils.set_random_seed(0)
        model = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Dense(4)])
        model.compile("sgd", loss=loss)
        return model

    @parameterized.parameters("contrastive", "ccp")
    def test_keras_file(self, kind):
        pair_loss = loss_cases.build("contrastive")
        loss = CCPLoss(pair_loss, ClassProxies(3, 2, 4)) if kind == "ccp" else pair_loss
        model = self.compiled_model(loss)
        model.train_on_batch(SAMPLE.embeddings, SAMPLE.labels)
        path = os.path.join(self.get_temp_dir(), f"{kind}.keras")
        model.save(path)
        again = tf.keras.models.load_model(path)
        self.assertIs(type(again.loss), type(loss))
        self.assertEqual(again.loss.get_config(), loss.get_config())
        expected = model.test_on_batch(SAMPLE.embeddings, SAMPLE.labels)
        self.assertAllClose(again.test_on_batch(SAMPLE.embeddings, SAMPLE.labels), expected, rtol=1e-6)

    def test_contents_of_sources_go_with_a_checkpoint(self):
        def built():
            proxies, memory = ClassProxies(3, 2, 4), CrossBatchMemory(8, 4)
            loss = CCPLoss(TripletLoss(0.5), proxies, memory=memory)
            return loss, tf.train.Checkpoint(sources=list(loss.sources))

        loss, checkpoint = built()
        loss.proxies.points.assign(np.random.default_rng(0).normal(size=(3, 2, 4)))
        loss(*BATCH)
        path = checkpoint.write(os.path.join(self.get_temp_dir(), "sources"))
        again, restored = built()
        restored.read(path).assert_consumed()
        self.assertAllEqual(again.proxies.points, loss.proxies.points)
        self.assertFalse(again.memory.ready())
        self.assertAllEqual(again(*BATCH), loss(*BATCH))  # The batch that fills both memories.
        self.assertTrue(again.memory.ready())
