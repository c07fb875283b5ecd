"""PyTorch's old file format: what it holds, and that no code in a file is run."""

import os
import pickle

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.weights.errors import WeightsError
from models.weights.pickled_tensors import read_pickled_tensors
from tests.support import pictures
from tests.support.old_pytorch_files import MAGIC_NUMBER, file_of, file_of_state, start_of_file


def _state():
    random = np.random.default_rng(0)
    shared = random.normal(size=24).astype(np.float32)
    return {
        "conv.weight": random.normal(size=[2, 3, 1, 2]).astype(np.float32),
        "norm.running_mean": random.normal(size=3).astype(np.float32),
        "norm.num_batches_tracked": np.array(7, np.int64),
        "rows": shared.reshape(4, 6)[1:, 2:],
        "columns": shared.reshape(4, 6).T,
        "empty": np.zeros([0, 3], np.float32),
    }


class _FilesTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.path = str(pictures.folder_for(self) / "weights.pth")
        self.canary = f"{self.path}.canary"

    def read(self, content):
        with open(self.path, "wb") as file:
            file.write(content)
        return read_pickled_tensors(self.path)

    def assert_refused(self, content, message):
        with self.assertRaisesRegex(WeightsError, message):
            self.read(content)
        self.assertFalse(os.path.exists(self.canary))


class ReadTest(_FilesTest):
    def test_every_kind_of_tensor(self):
        state = _state()
        found = self.read(file_of(state))
        self.assertEqual(list(found), list(state))
        for name, array in state.items():
            self.assertEqual(found[name].dtype, array.dtype)
            np.testing.assert_array_equal(found[name], array)
        # One storage under two tensors stays one.
        self.assertTrue(np.shares_memory(found["rows"], found["columns"]))

    @parameterized.parameters(
        ({"magic_number": MAGIC_NUMBER + 1}, "other numbers"),
        ({"protocol": 1002}, "other numbers"),
        ({"system": {"little_endian": False}}, "other numbers"),
        ({"system": [1]}, "not a whole PyTorch file"),
    )
    def test_another_start(self, changes, message):
        self.assert_refused(file_of_state({}, **changes), message)

    @parameterized.parameters(([],), ({"state_dict": {}},), ("text",), (1,))
    def test_no_state_dict(self, state):
        self.assert_refused(file_of_state(state), "holds no state dict of tensors")

    @parameterized.parameters(b"", b"PK\x03\x04...")
    def test_other_files(self, content):
        self.assert_refused(content, "not a whole PyTorch file of the old format")

    def test_every_truncation_is_refused(self):
        content = file_of({"weight": np.arange(3, dtype=np.float32)})
        for end in range(len(content)):
            self.assert_refused(content[:end], "not a whole PyTorch file")

    def test_a_storage_of_another_length(self):
        content = file_of({"weight": np.arange(3, dtype=np.float32)})
        length = len(content) - 3 * 4 - 8
        self.assertEqual(content[length], 3)
        changed = content[:length] + b"\x04" + content[length + 1 :]
        self.assert_refused(changed, "storage .* is not of 3 numbers")


class _Runs:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class MaliciousTest(_FilesTest):
    @parameterized.parameters(0, 1, 2, 3, 4, 5)
    def test_a_command_in_each_protocol_is_refused_and_not_run(self, protocol):
        attack = pickle.dumps({"a": _Runs(f"touch {self.canary}")}, protocol)
        self.assert_refused(start_of_file() + attack, r"holds more than tensors \(posix\.system\)")
        self.assert_refused(attack, "holds more than tensors")  # The very first pickle.
        pickle.loads(attack)
        self.assertTrue(os.path.exists(self.canary))  # It would have run.

    @parameterized.parameters(
        (b"builtins", b"eval", ("1",)),
        (b"subprocess", b"Popen", (["true"],)),
        (b"torch", b"load", ("x",)),
        (b"torch._utils", b"_rebuild_tensor", ()),
        (b"numpy.core.multiarray", b"_reconstruct", ()),
        (b"collections", b"OrderedDict.__class__", ()),
    )
    def test_other_names(self, module, name, arguments):
        attack = b"c%s\n%s\n%sR." % (module, name, pickle.dumps(arguments, 2)[2:-1])
        self.assert_refused(start_of_file() + attack, "holds more than tensors")

    def test_other_persistent_objects(self):
        self.assert_refused(start_of_file() + b"Pstorage\n.", "not a whole PyTorch file")


if __name__ == "__main__":
    tf.test.main()
