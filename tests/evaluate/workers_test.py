"""Processes that were started with other settings or other data; real ones: tests/workers_test.py."""

from __future__ import annotations

import json

from absl.testing import absltest

from ccp.config import configure
from ccp.errors import ConfigError
from ccp.replicas import Replicas
from evaluate.workers import check_same_data, check_same_settings


class _Third(Replicas):
    """The third process; the first two say what a test says."""

    def __init__(self, *heard: str):
        super().__init__()
        self._heard = list(heard)

    def said(self, text):
        return [*self._heard, text]


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


if __name__ == "__main__":
    absltest.main()
