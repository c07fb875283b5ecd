"""Reads files in PyTorch's old format that are damaged at random: prints how many were refused, and how many read."""

from __future__ import annotations

import pathlib
import resource
import sys
import tempfile

import numpy as np

from models.weights.errors import WeightsError
from models.weights.pickled_tensors import read_pickled_tensors
from tests.support.old_pytorch_files import file_of

_MEMORY = 2 * 2**30


def _damaged(whole: bytes, seed: int) -> bytes:
    random, content = np.random.default_rng(seed), bytearray(whole)
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
    return bytes(content)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    shared = np.arange(24, dtype=np.float32)
    whole = file_of({"weight": np.ones([2, 3], np.float32), "rows": shared.reshape(4, 6)[1:], "columns": shared[::2]})
    refused = read = 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "weights.pth"
        for seed in range(int(sys.argv[1])):
            path.write_bytes(_damaged(whole, seed))
            try:
                tensors = read_pickled_tensors(path)
            except WeightsError:
                refused += 1
                continue
            for name, tensor in tensors.items():
                assert isinstance(name, str) and tensor.dtype in (np.float32, np.int64), name
                tensor.sum()  # Every number can be reached.
            read += 1
    print(refused, read)


if __name__ == "__main__":
    main()
