"""A run's directory."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf

from ccp.errors import UserError
from experiments.run_directory import RunDirectory, RunError
from experiments.settings import configure

SETTINGS = configure({"seed": 5})


class RunDirectoryTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.run = RunDirectory(pathlib.Path(self.get_temp_dir()) / "deep" / "run")

    def claimed(self, settings=SETTINGS, digest="digest"):
        return self.run.claimed(settings, digest)

    def save_checkpoint(self, number: int) -> None:
        self.run.checkpoints.mkdir(exist_ok=True)
        (self.run.checkpoints / f"ckpt-{number}.index").touch()

    def test_settings_are_kept_and_compared_once_a_step_is_trained(self):
        settings = configure({"seed": 5, "data_dir": "here"})
        with self.claimed(settings):
            self.run.record(settings, "digest")
        self.assertEqual(self.run.load_settings(), settings)
        self.save_checkpoint(1)
        self.save_checkpoint(2)
        other = configure({"seed": 6})
        with self.assertRaisesRegex(RunError, r"seed is 5 there and 6 here\)"), self.claimed(other):
            pass
        with self.assertRaisesRegex(RunError, "run on other images"), self.claimed(settings, "other digest"):
            pass
        with self.claimed(configure({"seed": 5, "data_dir": "wrong"})):  # Data may move …
            pass
        # … but where they are is only recorded once they have been found there.
        self.assertEqual(self.run.load_settings().data.data_dir, "here")

    def test_a_run_may_be_extended_but_not_shortened(self):
        settings = configure({"max_epochs": 5, "early_stopping": 3})
        with self.claimed(settings):
            self.run.record(settings, "digest")
        self.save_checkpoint(1)
        self.save_checkpoint(2)
        self.run.finish(np.zeros([2, 3]), np.arange(2), {"epochs": 5, "test": {}})
        with self.claimed(settings):
            self.run.record(settings, "digest")
        self.assertTrue(self.run.has_result)
        for shorter in ({"max_epochs": 4}, {"early_stopping": 2}, {"max_epochs": 9, "early_stopping": 2}):
            refused = "other settings .*; --max_epochs and --early_stopping may be raised"
            with self.assertRaisesRegex(RunError, refused), self.claimed(settings.replaced(**shorter)):
                pass
        longer = settings.replaced(max_epochs=6, early_stopping=4)
        self.assertFalse(self.run.finished(longer))
        with self.claimed(longer):
            self.run.record(longer, "digest")
        self.assertFalse(self.run.has_result)  # It is of the shorter training.
        self.assertEqual(self.run.load_settings(), longer)

    def test_a_run_that_trained_no_step_takes_corrected_settings(self):
        settings, corrected = configure({"seed": 5}), configure({"seed": 6})
        with self.claimed(settings):
            self.run.record(settings, "digest")
        self.save_checkpoint(1)  # The start, of a network that may have other variables.
        with self.claimed(settings, "other digest"):
            self.assertTrue(self.run.has_checkpoint)
        with self.claimed(corrected, "other digest"):
            self.assertFalse(self.run.has_checkpoint)

    def test_what_is_no_directory(self):
        self.run.path.parent.mkdir(parents=True)
        self.run.path.symlink_to("unmounted")
        with self.assertRaisesRegex(RunError, "run is a link to unmounted, which is not there"), self.claimed():
            pass
        self.run.path.unlink()
        self.run.path.touch()
        with self.assertRaisesRegex(RunError, "run is a file"), self.claimed():
            pass

    def test_files_of_something_else_stay(self):
        self.run.path.mkdir(parents=True)
        self.run.result.write_text("mine")
        with self.assertRaisesRegex(RunError, "holds result.json of something else"), self.claimed():
            pass
        self.assertEqual([path.name for path in self.run.path.iterdir()], ["result.json"])

    def test_settings_that_cannot_be_name_the_file(self):
        self.run.path.mkdir(parents=True)
        self.run.settings.write_text('{"learning_rate": 0}')
        with self.assertRaisesRegex(RunError, "settings.json is not what this version writes: learning_rate must be"):
            self.run.load_settings()

    def test_the_lock_goes_with_the_block(self):
        for _ in range(2):
            with self.claimed(), self.assertRaisesRegex(RunError, "Another process is training in"), self.claimed():
                pass

    def test_a_word_for_other_processes(self):
        self.assertIsNone(self.run.signature())
        for word in ("a longer word", "short"):
            with self.claimed():
                self.run.sign(word)
                self.assertEqual(RunDirectory(self.run.path).signature(), word)
                with self.assertRaisesRegex(RunError, "Another process"), self.claimed():
                    pass

    def test_finished_is_a_run_with_these_settings_and_its_scores(self):
        settings = configure({"seed": 5})
        self.assertFalse(self.run.finished(settings))
        with self.claimed(settings):
            self.run.record(settings, "digest")
        self.assertFalse(self.run.finished(settings))
        embeddings, kept = np.eye(3, dtype=np.float32), np.array([0, 2, 3])
        self.run.finish(embeddings, kept, {"epochs": 5, "test": {}})
        self.assertFalse(self.run.finished(settings))  # Its checkpoints were deleted, to train anew.
        with self.claimed(settings):
            self.run.record(settings, "digest")
        self.save_checkpoint(2)
        self.assertFalse(self.run.finished(settings))
        self.run.finish(embeddings, kept, {"epochs": 5, "test": {}})
        self.save_checkpoint(2)
        self.assertTrue(self.run.finished(configure({"seed": 5, "strategy": "multi_worker"})))
        self.assertFalse(self.run.finished(configure({"seed": 6})))
        for found, expected in zip(self.run.load_test_embeddings(), (embeddings, kept)):
            np.testing.assert_array_equal(found, expected)

    def test_a_file_is_no_directory(self):
        self.run.path.parent.mkdir()
        self.run.path.touch()
        with self.assertRaisesRegex(RunError, "run is a file; pass another --run_dir"), self.claimed():
            pass

    def test_no_run_there(self):
        with self.assertRaisesRegex(RunError, "holds no run"):
            self.run.load_settings()

    def test_damaged_configuration(self):
        self.run.path.mkdir(parents=True)
        self.run.settings.write_text('{"seed": ')
        with self.assertRaisesRegex(UserError, "settings.json is damaged"):
            self.run.load_settings()
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


if __name__ == "__main__":
    tf.test.main()
