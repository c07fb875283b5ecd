"""A training on several devices against the same on one."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import pytest
import tensorflow as tf
from absl.testing import parameterized

from ccp.loss_names import METHODS, parse_loss
from ccp.losses import PAIR_LOSSES
from tests.command_line import ROOT
from tests.distributed_program import BATCHES, LOSSES

_TOLERANCE = 1e-5
# Products of float16 numbers are rounded anew where a matrix has other rows.
_TOLERANCES = {"settings: float16": 2e-3}
_GROUPS = {2: ("losses", "settings", "batch_norm", "checkpoints", "passes"), 4: ("losses", "batch_norm", "passes")}


@functools.cache
def differences(devices: int) -> dict[str, dict[str, float]]:
    """What the program finds."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.distributed_program", str(devices), *_GROUPS[devices]]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    if finished.returncode:
        raise RuntimeError(finished.stderr[-5000:])
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.slow
class DevicesTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*BATCHES)
    def test_all_is_as_on_one_device(self, devices):
        for name, found in differences(devices).items():
            with self.subTest(name):
                worst = max(found, key=found.get)
                self.assertLess(found[worst], _TOLERANCES.get(name, _TOLERANCE), worst)

    @parameterized.parameters(*BATCHES)
    def test_nothing_is_left_out(self, devices):
        compared = differences(devices)
        for loss in LOSSES[devices]:
            self.assertIn(f"losses: {loss}", compared)
        self.assertEqual({name.split(":")[0] for name in compared}, set(_GROUPS[devices]))
        if devices == 2:
            self.assertLen([name for name in compared if name.startswith("checkpoints")], 2)

    def test_every_method_and_every_pair_loss_is_there(self):
        methods, pair_losses = zip(*map(parse_loss, LOSSES[4]))
        self.assertEqual({parse_loss(loss)[0] for loss in LOSSES[2]}, set(METHODS))
        self.assertEqual(set(methods), set(METHODS))
        self.assertEqual(set(pair_losses), set(PAIR_LOSSES))


if __name__ == "__main__":
    tf.test.main()
