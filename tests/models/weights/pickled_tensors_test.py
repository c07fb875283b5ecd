"""PyTorch's old file format: what it holds, and that no code in a file is run."""

import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.weights.errors import WeightsError
from models.weights.pickled_tensors import read_pickled_tensors
from tests.support import pictures
from tests.support.command_line import ROOT
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

    @parameterized.parameters(
        # Shape, strides and offset over a storage of 4 numbers, behind which is another one.
        ((5,), (1,), 0),
        ((4,), (1,), 1),
        ((2, 2), (3, 1), 0),
        ((2**30, 2**30), (0, 0), 0),  # All of them one number: an array of 4 EiB.
        ((4,), (-1,), 2),
        ((4,), (1,), -1),
        ((2, 2), (2,), 0),
    )
    def test_tensors_beyond_their_storage(self, shape, strides, offset):
        self.assert_refused(_one_tensor(shape, strides, offset), "not a whole PyTorch file")

    def test_a_tensor_within_its_storage(self):
        """That the files of the test above differ from a good one in nothing else."""
        np.testing.assert_array_equal(self.read(_one_tensor((2, 2), (1, 1), 1))["a"], [[1, 2], [2, 3]])


def _one_tensor(shape, strides, offset):
    """A file of the tensor ``a`` over a storage of the numbers 0 to 3, and of ``b`` over another."""
    reference = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0%cX\x03\0\0\0cpuK\x04NtQ"

    def tensor(key, *numbers):
        numbers = b"".join(pickle.dumps(value, 2)[2:-1] for value in numbers)
        return (
            b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference % key + numbers + b"\x89ccollections\nOrderedDict\n)RtR"
        )

    tensors = {b"a": tensor(b"k", offset, shape, strides), b"b": tensor(b"l", 0, (4,), (1,))}
    state = b"\x80\x02}" + b"".join(b"X\x01\0\0\0" + name + tensor + b"s" for name, tensor in tensors.items()) + b"."
    storage = struct.pack("<q4f", 4, 0, 1, 2, 3)
    return start_of_file() + state + pickle.dumps(["k", "l"], 2) + 2 * storage


class FuzzTest(tf.test.TestCase):
    def test_damage_ends_in_an_error_or_in_tensors(self):
        """In a process of limited memory, as damage may ask for all that there is."""
        program = [sys.executable, "-m", "tests.support.fuzzed_pytorch_files", "2000"]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        refused, read = map(int, done.stdout.split())
        # Both occur, or the damage would prove nothing.
        self.assertGreater(refused, 1000)
        self.assertGreater(read, 40)


if __name__ == "__main__":
    tf.test.main()
