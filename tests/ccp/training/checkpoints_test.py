"""Checkpoints that are damaged, torn, or of another revision."""

from __future__ import annotations

import os
import pathlib

import tensorflow as tf
from absl.testing import parameterized

import ccp
from ccp.errors import Interrupted, TrainingError
from ccp.plain_paths import plain_path
from tests.support.toy_training import (
    FEATURES,
    EagerTest,
    assert_same_tensors,
    saved_tensors,
    toy_batches,
    toy_model,
    toy_settings,
    toy_trainer,
)


class DamageTest(EagerTest):
    def test_a_damaged_checkpoint_gives_way_to_the_one_before(self):
        directory = self.get_temp_dir()
        toy_trainer(toy_settings(max_epochs=3), checkpoints=directory).fit()
        whole = saved_tensors(directory)
        newest = tf.train.latest_checkpoint(directory) + ".data-00000-of-00001"
        with open(newest, "r+b") as file:
            file.truncate(100)
        resumed = toy_trainer(toy_settings(max_epochs=3), checkpoints=directory)
        self.assertEqual(resumed.fit().epoch, 3)
        assert_same_tensors(saved_tensors(directory), whole)

    def test_a_first_checkpoint_torn_by_a_kill_is_made_again(self):
        directory = self.get_temp_dir()
        whole = os.path.join(directory, "whole")
        toy_trainer(toy_settings(max_epochs=2), checkpoints=whole).fit()
        torn = os.path.join(directory, "torn")
        os.mkdir(torn)
        with open(os.path.join(torn, "ckpt-1.index"), "wb") as file:
            file.write(b"half of it")  # And no list yet: that is written after it.
        toy_trainer(toy_settings(max_epochs=2), checkpoints=torn).fit()
        assert_same_tensors(saved_tensors(torn), saved_tensors(whole))

    def test_no_checkpoint_can_be_read(self):
        directory = self.get_temp_dir()
        toy_trainer(toy_settings(max_epochs=3), checkpoints=directory).fit()
        for name in tf.io.gfile.glob(directory + "/ckpt-*.data*"):
            with open(name, "r+b") as file:
                file.truncate(0)
        with self.assertRaisesRegex(TrainingError, "None of the checkpoints in .* can be read"):
            toy_trainer(toy_settings(max_epochs=3), checkpoints=directory).fit()

    def test_checkpoints_of_another_training_are_not_called_damaged(self):
        directory = self.get_temp_dir()
        toy_trainer(toy_settings(max_epochs=1), checkpoints=directory).fit()
        other = toy_settings("ccp_xbm/contrastive", max_epochs=1)  # As if a revision had added a memory.
        with self.assertRaisesRegex(TrainingError, "hold other variables than this training has"):
            toy_trainer(other, checkpoints=directory).fit()

    def test_checkpoints_of_another_network_are_not_called_damaged(self):
        directory = self.get_temp_dir()

        def trainer(size):
            network = tf.keras.Sequential([tf.keras.Input((FEATURES,)), tf.keras.layers.Dense(size)])
            loop = ccp.LoopSettings(max_epochs=1, steps_per_epoch=1)
            arguments = ccp.TripletLoss(), toy_batches, lambda: {"map_at_r": 0.5}
            return ccp.Trainer(network, *arguments, loop=loop, checkpoints=directory, verbose=False)

        trainer(4).fit()
        with self.assertRaisesRegex(
            TrainingError, "another network, another loss .* wrote them. Resume with those, or"
        ):
            trainer(7).fit()

    def test_trainers_of_one_network_do_not_share_an_optimizer(self):
        network, directory = toy_model(), self.get_temp_dir()

        def trainer(network, **more):
            loop = ccp.LoopSettings(max_epochs=2, steps_per_epoch=3)
            arguments = ccp.TripletLoss(), toy_batches, lambda: {"map_at_r": 0.5}
            return ccp.Trainer(network, *arguments, loop=loop, verbose=False, **more)

        trainer(network).fit()
        with self.assertRaises(Interrupted):
            trainer(network, checkpoints=directory, should_stop=lambda: True).fit()
        for other in (network, toy_model()):  # In the same process, and in another one.
            resumed = trainer(other, checkpoints=directory)
            self.assertTrue(resumed.restore())
            self.assertEqual(resumed.optimizer.first.iterations, 1)
            self.assertIs(other.optimizer, resumed.optimizer.first)

    def test_checkpoints_are_written_through_the_file_system_of_tensorflow(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.get_temp_dir())
        toy_trainer(toy_settings(max_epochs=1), checkpoints="ram://bucket/run").fit()
        self.assertEmpty(os.listdir())
        resumed = toy_trainer(toy_settings(max_epochs=1), checkpoints="ram://bucket/run")
        self.assertTrue(resumed.restore())
        self.assertEqual(resumed.progress.total_steps, 3)


class PatternTest(EagerTest):
    """Directories with names that TensorFlow would take as patterns of files."""

    @parameterized.parameters("run?", "run[A]", "run*", "r\\unA")
    def test_resumes_and_leaves_its_neighbours_alone(self, name):
        home = pathlib.Path(self.get_temp_dir())
        neighbour, whole, directory = (home / part for part in ("runA", "whole", name))
        toy_trainer(toy_settings(max_epochs=1), checkpoints=str(neighbour)).fit()
        before = sorted(neighbour.iterdir())
        toy_trainer(toy_settings(max_epochs=3), checkpoints=str(whole)).fit()
        with self.assertRaisesRegex(Interrupted, "all is saved"):
            toy_trainer(toy_settings(max_epochs=3), checkpoints=str(directory), should_stop=lambda: True).fit()
        resumed = toy_trainer(toy_settings(max_epochs=3), checkpoints=str(directory))
        self.assertEqual(resumed.fit().total_steps, 9)
        self.assertStartsWith(resumed.state.checkpoints.newest, f"{directory}/ckpt-")
        self.assertEqual(sorted(neighbour.iterdir()), before)
        assert_same_tensors(saved_tensors(plain_path(directory)), saved_tensors(whole))


if __name__ == "__main__":
    tf.test.main()
