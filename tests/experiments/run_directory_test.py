"""A run's directory."""

from __future__ import annotations

import os
import pathlib
import signal

import tensorflow as tf

from experiments.presets import preset_config
from experiments.run_directory import RunDirectory, RunError, StopRequest, read_json, replace_text
from experiments.settings import configure


class RunDirectoryTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.run = RunDirectory(pathlib.Path(self.get_temp_dir()) / "deep" / "run")

    def test_the_configuration_is_kept_and_compared_once_there_is_a_checkpoint(self):
        config = configure({"seed": 5, "data_dir": "here"})
        with self.run.claimed(configure({"seed": 4})):
            self.run.record(config, "digest")
        self.assertEqual(self.run.load_config(), config)
        other = configure({"seed": 6})
        with self.run.claimed(other):  # Nothing depends on the record yet: a corrected command may follow.
            pass
        self.run.checkpoints.mkdir()
        (self.run.checkpoints / "ckpt-1.index").touch()
        with self.assertRaisesRegex(RunError, r"seed is 5 there and 6 here\)"), self.run.claimed(other):
            pass
        with self.run.claimed(configure({"seed": 5, "data_dir": "wrong"})):  # Data may move …
            pass
        # … but where they lie is only recorded once they have been found there.
        self.assertEqual(self.run.load_config().data.data_dir, "here")

    def test_what_departs_from_the_preset_is_recorded(self):
        config = preset_config(dataset="cub", loss="ccp/triplet", margin=0.3, validation="fold2", data_dir="d")
        with self.run.claimed(config):
            self.run.record(config, "digest")
        self.assertEqual(
            read_json(self.run.path / "settings.json"),
            {"preset": "paper, MLRC", "overridden": {"margin": {"preset": 0.0961, "here": 0.3}}},
        )

    def test_settings_that_cannot_be_name_the_file(self):
        self.run.path.mkdir(parents=True)
        self.run.config.write_text('{"optimizer": {"learning_rate": 0}}')
        with self.assertRaisesRegex(RunError, "config.json is not what this version writes: learning_rate must be"):
            self.run.load_config()

    def test_the_lock_goes_with_the_block(self):
        config, message = configure(), "Another process is training in"
        with self.run.claimed(config), self.assertRaisesRegex(RunError, message), self.run.claimed(config):
            pass
        with self.run.claimed(config):
            pass

    def test_a_word_for_other_processes(self):
        self.assertIsNone(self.run.signature())
        for word in ("a longer word", "short"):
            with self.run.claimed(configure()):
                self.run.sign(word)
                self.assertEqual(RunDirectory(self.run.path).signature(), word)
                with self.assertRaisesRegex(RunError, "Another process"), self.run.claimed(configure()):
                    pass

    def test_finished_is_a_run_with_these_settings_and_its_scores(self):
        config = configure({"seed": 5})
        self.assertFalse(self.run.finished(config))
        with self.run.claimed(config):
            self.run.record(config, "digest")
        self.assertFalse(self.run.finished(config))
        self.run.result.write_text("{}")
        self.assertFalse(self.run.finished(config))  # Its checkpoints were deleted, to train anew.
        self.run.checkpoints.mkdir()
        (self.run.checkpoints / "ckpt-1.index").touch()
        self.assertTrue(self.run.finished(configure({"seed": 5, "strategy": "multi_worker"})))
        self.assertFalse(self.run.finished(configure({"seed": 6})))
        self.assertFalse(self.run.finished(config, with_embeddings=True))
        self.run.test_embeddings.touch()
        self.assertTrue(self.run.finished(config, with_embeddings=True))

    def test_a_file_is_no_directory(self):
        self.run.path.parent.mkdir()
        self.run.path.touch()
        with self.assertRaisesRegex(RunError, "run is a file; pass another --run_dir"), self.run.claimed(configure()):
            pass

    def test_no_run_there(self):
        with self.assertRaisesRegex(RunError, "holds no run"):
            self.run.load_config()

    def test_damaged_configuration(self):
        self.run.path.mkdir(parents=True)
        self.run.config.write_text('{"loop": ')
        with self.assertRaisesRegex(RunError, "config.json is damaged"):
            self.run.load_config()
        self.run.metrics.write_text('{"epoch": 1}\n{"epo\n{"epoch": 3}\n')
        with self.assertRaisesRegex(RunError, "metrics.jsonl is damaged"):
            self.run.records()

    def test_metrics_are_rewound_to_the_checkpoint(self):
        self.run.path.mkdir(parents=True)
        for epoch in (1, 2, 3):
            self.run.append({"epoch": epoch, "loss": epoch / 3})
        with open(self.run.metrics, "a") as file:
            file.write('{"epoch": 4, "lo')  # Torn by a kill.
        # The checkpoint is of epoch 2: what came later is done again.
        self.run.rewind({"epoch": 2, "loss": 2 / 3})
        self.assertEqual(self.run.records(), [{"epoch": 1, "loss": 1 / 3}, {"epoch": 2, "loss": 2 / 3}])
        # The checkpoint is of epoch 3, whose line was never written.
        self.run.rewind({"epoch": 3, "loss": 1.0})
        self.assertEqual([record["epoch"] for record in self.run.records()], [1, 2, 3])
        # Nothing but the initial checkpoint.
        self.run.rewind({"epoch": 0})
        self.assertEqual(self.run.records(), [])

    def test_a_file_is_replaced_whole_or_not_at_all(self):
        path = pathlib.Path(self.get_temp_dir()) / "file"
        replace_text(path, "old")
        with self.assertRaises(TypeError):
            replace_text(path, None)
        self.assertEqual(path.read_text(), "old")


class StopRequestTest(tf.test.TestCase):
    def test_the_first_signal_is_a_wish_and_the_handlers_go_back(self):
        before = signal.getsignal(signal.SIGTERM)
        with StopRequest() as stop:
            self.assertFalse(stop())
            os.kill(os.getpid(), signal.SIGTERM)
            self.assertTrue(stop())
            self.assertEqual(stop.signal, signal.SIGTERM)
            self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)
        self.assertEqual(signal.getsignal(signal.SIGTERM), before)


if __name__ == "__main__":
    tf.test.main()
