"""Every training method with every pair loss that it can go with, through the trainer."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from ccp.losses.settings import PAIR_LOSS_SETTINGS
from ccp.methods.names import METHODS, WITH_MEMORY, parse_loss

from ccp.errors import ConfigError
from ccp.methods.build import build_loss
from experiments.settings import configure
from tests.support.toy_training import (
    CLASSES,
    EMBEDDING,
    Watcher,
    assert_same_tensors,
    saved_tensors,
    toy_config,
    toy_trainer,
    train_in_parts,
)


def admitted() -> list[str]:
    """Every METHOD/PAIR_LOSS that there is."""
    names = []
    for name in (f"{method}/{pair_loss}" for method in METHODS for pair_loss in PAIR_LOSS_SETTINGS):
        try:
            parse_loss(name)
        except ConfigError:
            continue
        names.append(name)
    return names


def parts_of(trainer) -> list[tf.Module]:
    """What the trainer's loss holds."""
    return list(getattr(trainer.loss, "parts", ()))


def all_of(part: tf.keras.layers.Layer) -> list[np.ndarray]:
    """The values of a part's variables, trained or not."""
    return [variable.numpy() for variable in (*part.trainable_variables, *part.non_trainable_variables)]


class EagerTest(parameterized.TestCase, tf.test.TestCase):
    """Without tracing, which would take longer than the steps."""

    def setUp(self):
        super().setUp()
        tf.config.run_functions_eagerly(True)
        self.addCleanup(tf.config.run_functions_eagerly, False)


class EveryCombinationTest(EagerTest):
    def test_there_are_so_many(self):
        # 8 methods with 9 pair losses each, and 4 more that compare a batch with nothing but itself.
        self.assertLen(admitted(), 8 * 9 + 4)

    @parameterized.parameters(*admitted())
    def test_trains_all_that_it_should(self, name):
        # The memory starts after 1 step, holds 2 batches, and is used from the third step on.
        steps = 3 if parse_loss(name)[0] in WITH_MEMORY else 2
        # Weight decay would move what no gradient reaches.
        config = toy_config(name, weight_decay=0.0, steps_per_epoch=steps, max_epochs=1)

        def look():
            trained = [
                *trainer.model.trainable_variables,
                *(v for p in parts_of(trainer) for v in p.trainable_variables),
            ]
            return {f"{index} {v.name}": v.numpy() for index, v in enumerate(trained)}

        watcher = Watcher(look)
        trainer = toy_trainer(config, observers=(watcher,))
        trainer.fit()
        self.assertTrue(np.isfinite(trainer.progress.last_logs["loss"]))
        self.assertGreater(trainer.progress.last_logs["loss"], 0)
        for key, before in watcher.seen[0].items():
            self.assertNotAllEqual(watcher.seen[-1][key], before, f"{key} has not moved")
        for source in getattr(trainer.loss, "sources", ()):
            self.assertTrue(bool(source.ready()))


# Those with variables beside the proxies: boundaries, levels, clusters, counters, a memory.
STATEFUL = (
    ("margin", 2),
    ("mdr/margin", 3),
    ("hpl/proxy_anchor", 3),
    ("proxy_synthesis/margin", 4),
    ("ccp_xbm/margin", 4),
)


class CheckpointTest(EagerTest):
    @parameterized.parameters(*STATEFUL)
    def test_every_variable_of_every_part_is_restored_and_goes_on_as_unbroken(self, name, num_parts):
        config = toy_config(name, max_epochs=2, clustering_period=4)
        whole, broken = (os.path.join(self.get_temp_dir(), folder) for folder in ("whole", "broken"))
        unbroken = train_in_parts(config, whole)
        train_in_parts(config, broken, stop_after=(2,))
        assert_same_tensors(saved_tensors(broken), saved_tensors(whole))
        again, fresh = (toy_trainer(config, checkpoints=directory) for directory in (broken, None))
        self.assertTrue(again.restore())
        moved = 0
        for part, expected, start in zip(parts_of(again), parts_of(unbroken), parts_of(fresh)):
            for value, other in zip(all_of(part), all_of(expected)):
                self.assertAllEqual(value, other)
            moved += any(not np.array_equal(*pair) for pair in zip(all_of(part), all_of(start)))
        self.assertEqual(moved, num_parts)  # None of them is as it started.


class PrecisionTest(EagerTest):
    @parameterized.parameters(*PAIR_LOSS_SETTINGS, *(f"{method}/contrastive" for method in METHODS[1:]))
    def test_loss_and_gradient_are_those_of_float32(self, name):
        full = self.step(name, "none")
        # 11 and 8 binary digits, and the network rounds a few times.
        for precision, tolerance in (("float16", 5e-3), ("bfloat16", 3e-2)):
            half = self.step(name, precision)
            self.assertAllClose(half, full, rtol=tolerance)
            self.assertNotAllEqual(half, full)

    def step(self, name, precision):
        trainer = toy_trainer(toy_config(name, mixed_precision=precision))
        if trainer.loss_scale:
            trainer.loss_scale.scale.assign(2.0**8)  # At which no loss's gradients overflow, so that none is left out.
        return [float(value) for value in trainer._step(*next(trainer.batches(0, 0)), False)]


class BuildTest(parameterized.TestCase, tf.test.TestCase):
    def build(self, name, **settings):
        sizes = {"num_classes": CLASSES, "embedding_size": EMBEDDING, "batch_size": 8, "seed": 0}
        return build_loss(configure({"loss": name}, settings).loss, **sizes)

    def test_settings_arrive(self):
        synthesis = self.build("proxy_synthesis/proxy_nca", synthesis_alpha=0.7, synthesis_ratio=0.5, temperature=0.3)
        self.assertEqual((synthesis.alpha, synthesis.ratio, synthesis.pair_loss.temperature), (0.7, 0.5, 0.3))
        hierarchical = self.build("hpl/proxy_anchor", coarse_classes=3, coarse_weight=0.4, clustering_period=7)
        self.assertEqual((hierarchical.coarse.num_coarse, hierarchical.coarse_weight, hierarchical.period), (3, 0.4, 7))
        regularized = self.build("mdr/triplet", distance_weight=0.6, margin=0.2)
        self.assertEqual((regularized.weight, regularized.pair_loss.margin), (0.6, 0.2))

    def test_clusters_are_an_eighth_of_the_classes_and_at_least_2(self):
        config = configure({"loss": "hpl/proxy_anchor"}).loss
        for num_classes, clusters in ((6, 2), (24, 3), (100, 12)):
            loss = build_loss(config, num_classes=num_classes, embedding_size=4, batch_size=8, seed=0)
            self.assertEqual(loss.coarse.num_coarse, clusters)

    @parameterized.parameters(1, 7)
    def test_more_clusters_than_classes_are_refused(self, number):
        with self.assertRaisesRegex(
            ConfigError, f"coarse_classes must be from 2 to the 6 training classes; got {number}"
        ):
            self.build("hpl/proxy_anchor", coarse_classes=number)

    def test_each_class_has_a_boundary_unless_synthetic_ones_join_them(self):
        for name, boundaries in (("margin", 6), ("proxy/margin", 6), ("mdr/margin", 6), ("proxy_synthesis/margin", 1)):
            loss = self.build(name)
            self.assertEqual(getattr(loss, "pair_loss", loss).boundaries.num_classes, boundaries)


if __name__ == "__main__":
    tf.test.main()
