"""A training on several devices against the same on one."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import pytest
import tensorflow as tf
from absl.testing import parameterized

from ccp.methods.registry import METHODS, parse_terms
from tests.support.command_line import ROOT
from tests.support.distributed_program import COMPARED_ELSEWHERE, FEW_LOSSES, LOSSES, SETTINGS

_TOLERANCE = 1e-5
# Products of float16 numbers are rounded differently where a matrix has other rows.
_TOLERANCES = {"float16": 2e-3}
_ALWAYS = {"pool", "0 images", "1 images"}
_ONCE = {*SETTINGS, "batch norm", "frozen batch norm", "batches of other sizes", "resumed on one", "resumed on several"}


@functools.cache
def found() -> dict[int, dict[str, dict[str, float]]]:
    """What the program finds, by the number of devices."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.distributed_program"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    if finished.returncode:
        raise RuntimeError(finished.stderr[-5000:])
    return {int(devices): compared for devices, compared in json.loads(finished.stdout.splitlines()[-1]).items()}


@pytest.mark.slow  # Methods are traced for several devices and for one.
class DevicesTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters((2, {*LOSSES, *_ALWAYS, *_ONCE}), (4, {*FEW_LOSSES, *_ALWAYS}))
    def test_several_devices_compute_what_one_does(self, devices, names):
        compared = found()[devices]
        self.assertEqual(set(compared), names)
        for name, differences in compared.items():
            with self.subTest(name):
                worst = max(differences, key=differences.get)
                self.assertLess(differences[worst], _TOLERANCES.get(name, _TOLERANCE), worst)

    def test_every_method_is_compared(self):
        compared = {term.method for loss in LOSSES for term in parse_terms(loss)}
        self.assertEqual(compared, set(METHODS) - set(COMPARED_ELSEWHERE))


if __name__ == "__main__":
    tf.test.main()
