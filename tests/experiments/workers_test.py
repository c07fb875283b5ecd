"""Processes that were started with other settings or other data; real ones: tests/workers_test.py."""

from __future__ import annotations

import json
import shutil
from unittest import mock

from absl.testing import absltest

from ccp.distribution.replicas import Replicas
from ccp.errors import ConfigError
from experiments import workers
from experiments.run_directory import RunDirectory
from experiments.settings import configure
from experiments.workers import check_same_data, check_same_directory, check_same_settings
from tests.support import pictures


class _Third(Replicas):
    """The third process; the first two say what a test says."""

    def __init__(self, *heard: str):
        super().__init__()
        self._heard = list(heard)

    def said(self, text):
        return [*self._heard, text]


class _Process(Replicas):
    """One of two, which hears what a test says, or itself."""

    def __init__(self, is_chief: bool):
        super().__init__()
        self.num_workers, self.is_chief, self.spoken, self.heard = 2, is_chief, [], []

    def said(self, text):
        self.spoken.append(text)
        return [*(self.heard or [text]), text]


def _said(**settings) -> str:
    return json.dumps(configure(settings).to_dict())


class OneMindTest(absltest.TestCase):
    def test_settings(self):
        config = configure({"seed": 1})
        # What is free to change may differ.
        check_same_settings(_Third(_said(seed=1), _said(seed=1, strategy="mirrored")), config)
        with self.assertRaisesRegex(ConfigError, "seed is 0 in process 1 and 1 in process 3. Give every process the"):
            check_same_settings(_Third(_said(seed=0), _said(seed=0)), config)
        with self.assertRaisesRegex(ConfigError, "batch_weight is 0.1 in process 1 and 0.2 in process 2"):
            check_same_settings(_Third(_said(seed=1), _said(seed=1, batch_weight=0.2)), config)

    def test_data(self):
        check_same_data(_Third("aa", "aa"), "aa")
        with self.assertRaisesRegex(ConfigError, "Process 2 has other images than process 1"):
            check_same_data(_Third("aa", "ab"), "aa")
        with self.assertRaisesRegex(ConfigError, "Process 3 has other images than process 1"):
            check_same_data(_Third("aa", "aa"), "ab")

    def test_directory(self):
        folder = pictures.folder_for(self)
        chief, second = (_Process(is_chief) for is_chief in (True, False))
        (folder / "chief").mkdir()
        check_same_directory(chief, RunDirectory(folder / "chief"))
        self.assertLen(chief.spoken, 1)
        second.heard = chief.spoken
        check_same_directory(second, RunDirectory(folder / "chief"))
        # Another start's word, in a copy of the directory; and no directory at all.
        shutil.copytree(folder / "chief", folder / "copy")
        check_same_directory(chief, RunDirectory(folder / "chief"))
        second.heard = chief.spoken[1:]
        with mock.patch.object(workers, "VISIBLE_WITHIN_SECONDS", 0.0):
            for other in ("copy", "none"):
                with self.assertRaisesRegex(
                    ConfigError, f"{folder / other} is not the directory that process 1 writes"
                ):
                    check_same_directory(second, RunDirectory(folder / other))
            self.assertFalse((folder / "none").exists())

    def test_a_directory_that_is_seen_late(self):
        folder = pictures.folder_for(self)
        second = _Process(is_chief=False)
        second.heard = ["word"]
        shown = mock.Mock(side_effect=[None, "of an earlier start", "word"])
        with mock.patch.object(RunDirectory, "signature", shown):
            check_same_directory(second, RunDirectory(folder))
        self.assertEqual(shown.call_count, 3)

    def test_one_process_leaves_no_word(self):
        folder = pictures.folder_for(self)
        check_same_directory(Replicas(), RunDirectory(folder))
        self.assertEmpty(list(folder.iterdir()))


class WhatIsLeftTest(absltest.TestCase):
    def devices(self, *finished):
        """What is returned, and how often it was asked while waiting for others."""
        asked = []

        def waiting(_strategy, _batch_size, should_stop):
            while True:
                asked.append(should_stop())

        with mock.patch.object(workers, "replicas_of", side_effect=waiting):
            config = configure({"strategy": "multi_worker"})
            return workers.replicas_unless_finished(config, iter(finished).__next__, lambda: False), len(asked)

    def test_what_is_finished_waits_for_nobody(self):
        self.assertEqual(self.devices(True), (None, 0))

    def test_what_another_one_finishes_meanwhile_ends_the_waiting(self):
        self.assertEqual(self.devices(False, False, False, True), (None, 2))

    def test_one_process_is_not_asked(self):
        with mock.patch.object(workers, "replicas_of", return_value="devices") as replicas_of:
            found = workers.replicas_unless_finished(configure(), self.fail, self.fail)
        self.assertEqual((found, replicas_of.call_count), ("devices", 1))


if __name__ == "__main__":
    absltest.main()
