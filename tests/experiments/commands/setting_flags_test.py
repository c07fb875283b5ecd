"""The settings that a command line asks for: of files of flags, and of a run that is repeated."""

from __future__ import annotations

import json
import pathlib
import tempfile
import unittest

from absl import flags

from ccp.errors import ConfigError
from experiments.commands.command_flags import flag_values
from experiments.commands.setting_flags import chosen_settings, training_flags
from experiments.presets import preset_settings
from experiments.settings import Settings

RUN = preset_settings(dataset="digits", loss="ccp/contrastive", seed=3, neg_margin=0.5, max_epochs=7, log="csv")


def _chosen(*arguments: str) -> Settings:
    values = flag_values(training_flags())
    values(["train", *arguments])
    return chosen_settings(values)


class FilesTest(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = pathlib.Path(home.name)

    def _written(self, contents: str) -> str:
        path = self.home / "given"
        path.write_text(contents)
        return str(path)


class RepeatedTest(FilesTest):
    def test_every_setting_of_the_run(self):
        path = self._written(json.dumps(RUN.flat()))
        self.assertEqual(_chosen(f"--config={path}"), RUN)

    def test_what_is_given_too_wins(self):
        path = self._written(json.dumps(RUN.flat()))
        expected = RUN.replaced(seed=4, neg_margin=0.6)
        self.assertEqual(
            _chosen(f"--config={path}", "--seed=4", "--neg_margin=0.6", "--loss=ccp/contrastive"), expected
        )

    def test_without_effect(self):
        path = self._written(json.dumps(RUN.flat()))
        with self.assertRaisesRegex(ConfigError, "--min_learning_rate only matters with"):
            _chosen(f"--config={path}", "--min_learning_rate=1e-7")

    def test_another_loss_or_data_set_is_refused(self):
        path = self._written(json.dumps(RUN.flat()))
        with self.assertRaisesRegex(ConfigError, "repeats a run with --loss=ccp/contrastive.*--loss=triplet"):
            _chosen(f"--config={path}", "--loss=triplet")
        with self.assertRaisesRegex(ConfigError, "repeats a run with --dataset=digits"):
            _chosen(f"--config={path}", "--dataset=mnist")

    def test_what_is_no_record_is_refused(self):
        for contents in ('{"sead": 3}', "[1]", '{"seed": "x"}'):
            with self.assertRaisesRegex(ConfigError, "is no settings.json that this version writes"):
                _chosen(f"--config={self._written(contents)}")
        with self.assertRaisesRegex(ConfigError, "There is no file .*missing.*RUN/settings.json"):
            _chosen(f"--config={self.home / 'missing'}")


class FlagFileTest(FilesTest):
    def test_flags_of_a_file_and_flags_after_it(self):
        path = self._written("# The first run.\n--dataset=digits\n\n--loss=triplet\n--seed=1\n")
        settings = _chosen(f"--flagfile={path}", "--seed=2")
        self.assertEqual(settings, preset_settings(dataset="digits", loss="triplet", seed=2))

    def test_missing(self):
        with self.assertRaisesRegex(flags.Error, "missing"):
            _chosen(f"--flagfile={self.home / 'missing'}")


if __name__ == "__main__":
    unittest.main()
