"""A training on several devices against the same on one."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import pytest
import tensorflow as tf
from absl.testing import parameterized

from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS, parse_loss
from tests.support.command_line import ROOT
from tests.support.distributed_program import GROUPS, LOSSES

_TOLERANCE = 1e-5
# Products of float16 numbers are rounded anew where a matrix has other rows.
_TOLERANCES = {"settings: float16": 2e-3}


@functools.cache
def found() -> dict[int, dict[str, dict[str, float]]]:
    """What the program finds, by the number of devices."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.distributed_program"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    if finished.returncode:
        raise RuntimeError(finished.stderr[-5000:])
    return {int(devices): compared for devices, compared in json.loads(finished.stdout.splitlines()[-1]).items()}


@pytest.mark.slow
class DevicesTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*GROUPS)
    def test_all_is_as_on_one_device(self, devices):
        for name, differences in found()[devices].items():
            with self.subTest(name):
                worst = max(differences, key=differences.get)
                self.assertLess(differences[worst], _TOLERANCES.get(name, _TOLERANCE), worst)

    @parameterized.parameters(*GROUPS)
    def test_nothing_is_left_out(self, devices):
        compared = found()[devices]
        for loss in LOSSES:
            self.assertIn(f"losses: {loss}", compared)
        self.assertEqual({name.split(":")[0] for name in compared}, set(GROUPS[devices]))
        if devices == 2:
            self.assertLen([name for name in compared if name.startswith("checkpoints")], 2)

    def test_every_method_and_every_pair_loss_is_there(self):
        methods, pair_losses = zip(*map(parse_loss, LOSSES))
        self.assertEqual(set(methods), set(METHODS))
        self.assertEqual(set(pair_losses), set(PAIR_LOSSES))


if __name__ == "__main__":
    tf.test.main()
