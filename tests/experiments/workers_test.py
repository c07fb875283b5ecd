"""Processes that were started differently; real ones: tests/workers_test.py."""

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
from experiments.train import train_run
from experiments.workers import check_same_directory, check_same_start
from tests.support import pictures


class _Third(Replicas):
    """The third process; the first two send what the test says."""

    def __init__(self, *received: str):
        super().__init__()
        self._received = list(received)

    def gather_texts(self, text):
        return [*self._received, text]


class _OneOfTwo(Replicas):
    """The chief, or the process that hears what the chief has sent."""

    def __init__(self, chief: _OneOfTwo | None = None):
        super().__init__()
        self.num_workers, self.is_chief, self.sent = 2, chief is None, []
        self._received = iter(chief.sent if chief else ())

    def gather_texts(self, text):
        self.sent.append(text)
        return [text] if self.is_chief else [next(self._received), text]


def _sent(digest: str = "aa", **settings) -> str:
    return json.dumps([configure(settings).flat(), digest])


class SameStartTest(absltest.TestCase):
    def test_settings(self):
        settings = configure({"seed": 1})
        # What may change on resuming may differ.
        check_same_start(_Third(_sent(seed=1), _sent(seed=1, strategy="mirrored")), settings, "aa")
        with self.assertRaisesRegex(ConfigError, "Process 3 .* seed is 0 in process 1 and 1 in process 3. Give every"):
            check_same_start(_Third(_sent(seed=0), _sent(seed=0)), settings, "aa")
        with self.assertRaisesRegex(ConfigError, "batch_weight is 0.1 in process 1 and 0.2 in process 2"):
            check_same_start(_Third(_sent(seed=1), _sent(seed=1, batch_weight=0.2)), settings, "aa")

    def test_data(self):
        for first, second, third, different in (("aa", "ab", "aa", 2), ("aa", "aa", "ab", 3)):
            with self.assertRaisesRegex(ConfigError, f"Process {different} .* data sets differ .* main.py validate"):
                check_same_start(_Third(_sent(first), _sent(second)), configure(), third)

    def test_directory(self):
        folder = pictures.folder_for(self)
        (folder / "run").mkdir()
        earlier, chief = _OneOfTwo(), _OneOfTwo()
        check_same_directory(earlier, RunDirectory(folder / "run"))
        shutil.copytree(folder / "run", folder / "copy")
        check_same_directory(chief, RunDirectory(folder / "run"))
        check_same_directory(_OneOfTwo(chief), RunDirectory(folder / "run"))
        with mock.patch.object(workers, "VISIBLE_WITHIN_SECONDS", 0.0):
            for other in ("copy", "none"):
                with self.assertRaisesRegex(
                    ConfigError, f"{folder / other} of process 2 is not the directory that process 1 writes"
                ):
                    check_same_directory(_OneOfTwo(chief), RunDirectory(folder / other))
        self.assertFalse((folder / "none").exists())

    def test_a_directory_that_is_seen_late(self):
        chief = _OneOfTwo()
        chief.sent = ["token", ""]
        shown = mock.Mock(side_effect=[None, "of an earlier start", "token", "token"])
        with mock.patch.object(RunDirectory, "signature", shown):
            check_same_directory(_OneOfTwo(chief), RunDirectory(pictures.folder_for(self)))
        self.assertEqual(shown.call_count, 4)

    def test_one_process_writes_nothing(self):
        folder = pictures.folder_for(self)
        check_same_directory(Replicas(), RunDirectory(folder))
        self.assertEmpty(list(folder.iterdir()))

    def test_a_finished_run_needs_no_other_process(self):
        run = RunDirectory(pictures.folder_for(self))
        run.result.write_text('{"epochs": 3}')
        with mock.patch.object(RunDirectory, "finished", return_value=True):
            self.assertEqual(train_run(configure({"strategy": "multi_worker"}), run.path, "run"), {"epochs": 3})


if __name__ == "__main__":
    absltest.main()
