"""PyTorch's old file format: what it holds, and that a file can do no more than be read or refused."""

import os
import pickle
import struct

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.weights.errors import WeightsError
from models.weights.pickled_tensors import read_pickled_tensors
from tests.support import pictures
from tests.support.old_pytorch_files import MAGIC_NUMBER, file_of, file_of_state, start_of_file

_NUM_FUZZED = 2_000


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
        ({}, "list of storages differs"),
    )
    def test_another_start(self, changes, message):
        self.assert_refused(file_of_state({}, keys=["1"], **changes), message)

    @parameterized.parameters(([],), ({"state_dict": {}},), ("text",), (1,))
    def test_no_state_dict(self, state):
        self.assert_refused(file_of_state(state), "holds no state dict of tensors")

    def test_other_files(self):
        self.assert_refused(b"PK\x03\x04...", "zip format; the format before PyTorch 1.6")
        self.assert_refused(b"", "not a whole PyTorch file")
        self.assert_refused(file_of(_state()) + b"\0", "1 bytes too many")
        with self.assertRaisesRegex(WeightsError, "There is no file"):
            read_pickled_tensors(f"{self.path}.none")


def _reduce(module, name, arguments):
    """A pickle, without its start, that calls ``module.name``."""
    return b"c%s\n%s\n%sR." % (module, name, pickle.dumps(arguments, 2)[2:-1])


class _Runs:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class MaliciousTest(_FilesTest):
    @parameterized.parameters(0, 1, 2, 3, 4, 5)
    def test_a_command_in_each_protocol_is_refused_and_not_run(self, protocol):
        attack = pickle.dumps({"a": _Runs(f"touch {self.canary}")}, protocol)
        self.assert_refused(start_of_file() + attack, "holds more than tensors")
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
        self.assert_refused(start_of_file() + _reduce(module, name, arguments), "holds more than tensors")

    @parameterized.named_parameters(
        ("instance", b"(ios\nsystem\n."),
        ("object", b"(cos\nsystem\no."),
        ("new_object", b"\x80\x02ccollections\nOrderedDict\n)\x81."),
        ("named_on_the_stack", b"\x80\x04\x8c\x02os\x8c\x06system\x93."),
        ("registered", b"\x80\x02\x82\x01."),
        ("text_that_is_a_reference", b"Pstorage\n."),
        ("dict_with_entries", b"ccollections\nOrderedDict\n(U\x01aK\x01tR."),
    )
    def test_other_operations(self, attack):
        self.assert_refused(start_of_file() + attack, "holds more than tensors")

    @parameterized.named_parameters(
        ("storage_called", b"\x80\x02ctorch\nFloatStorage\n)R."),
        ("dict_of_a_list", b"\x80\x02ccollections\nOrderedDict\n(]tR."),
        ("text_called", b"\x80\x02X\x01\0\0\0a)R."),
        ("state_of_a_class", b"\x80\x02ccollections\nOrderedDict\n}b."),
        ("deep_key", b"\x80\x02}" + b")" + b"\x85" * 10**5 + b"K\x01s."),
        ("number_as_key", b"\x80\x02}K\x01K\x01s."),
        ("huge_text", b"\x80\x02X\xff\xff\xff\xffa."),
        ("huge_place", b"\x80\x02}r\xff\xff\xff\xffh\0."),
        ("below_the_stack", b"\x80\x020."[:2] + b"\x86."),
        ("two_results", b"\x80\x02}}."),
        ("reference_to_nothing", b"\x80\x02)Q."),
    )
    def test_nonsense(self, attack):
        self.assert_refused(start_of_file() + attack, "not a whole PyTorch file")

    def test_too_many_operations(self):
        self.assert_refused(
            start_of_file() + b"\x80\x02" + b")" * (10**6 + 10) + b".", "more than 1,000,000 operations"
        )

    @parameterized.parameters(
        # Shape, strides and offset over a storage of 4 numbers.
        ((5,), (1,), 0, "reaches beyond the 4 numbers"),
        ((4,), (1,), 1, "reaches beyond"),
        ((2, 2), (3, 1), 0, "reaches beyond"),
        ((2**30, 2**30), (0, 0), 0, "reaches beyond"),  # All of them one number: an array of 4 EiB.
        ((4,), (-1,), 3, "a size or a place that is none"),
        ((4,), (1,), -1, "a size or a place that is none"),
        ((True,), (1,), 0, "a size or a place that is none"),
        ((2, 2), (2,), 0, "odd dimensions"),
        ((1,) * 9, (1,) * 9, 0, "odd dimensions"),
    )
    def test_tensors_beyond_their_storage(self, shape, strides, offset, message):
        self.assert_refused(_one_tensor(shape, strides, offset), f"not a whole PyTorch file.*{message}")

    def test_a_tensor_within_its_storage(self):
        """That the files of the test above differ from a good one in nothing else."""
        np.testing.assert_array_equal(self.read(_one_tensor((2, 2), (1, 1), 1))["a"], [[1, 2], [2, 3]])


def _one_tensor(shape, strides, offset):
    """A file of the tensor ``a`` over a storage of the numbers 0 to 3."""
    reference = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK\x04NtQ"
    numbers = b"".join(pickle.dumps(value, 2)[2:-1] for value in (offset, shape, strides))
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + numbers + b"\x89ccollections\nOrderedDict\n)RtR"
    state = b"\x80\x02}X\x01\0\0\0a" + tensor + b"s."
    return start_of_file() + state + pickle.dumps(["k"], 2) + struct.pack("<q4f", 4, 0, 1, 2, 3)


class FuzzTest(_FilesTest):
    def test_every_truncation_is_refused(self):
        content = file_of({"weight": np.arange(3, dtype=np.float32)})
        for end in range(len(content)):
            self.assert_refused(content[:end], "not a whole PyTorch file|holds no state dict")

    def test_damage_ends_in_an_error_or_in_tensors(self):
        outcomes = [fuzzed(self.read, seed) for seed in range(_NUM_FUZZED)]
        # Both occur, or the damage would prove nothing.
        self.assertGreater(outcomes.count("refused"), _NUM_FUZZED // 2)
        self.assertGreater(outcomes.count("read"), _NUM_FUZZED // 50)


def fuzzed(read, seed: int) -> str:
    """Damages a file; whether it was ``read`` or ``refused``. Anything else that happens is raised."""
    random = np.random.default_rng(seed)
    whole = file_of(_state())
    content = bytearray(whole)
    for _ in range(random.integers(1, 4)):
        start, length = int(random.integers(len(content))), int(random.integers(1, 12))
        kind = random.integers(5)
        if kind == 0:
            content[start] ^= 1 << int(random.integers(8))
        elif kind == 1:
            content[start] = int(random.integers(256))
        elif kind == 2:
            del content[start : start + length]
        elif kind == 3:
            content[start:start] = random.bytes(length)
        else:
            other = int(random.integers(len(content)))
            content[start : start + length] = content[other : other + length]
    try:
        tensors = read(bytes(content))
    except WeightsError:
        return "refused"
    for name, tensor in tensors.items():
        assert isinstance(name, str) and tensor.dtype in (np.float32, np.int64) and tensor.nbytes <= len(whole) * 2
        tensor.sum()  # Every number can be reached.
    return "read"


if __name__ == "__main__":
    tf.test.main()
