"""Annotation files with something wrong in them are refused with a DataError, or read; nothing else is raised."""

import collections
import functools

import numpy as np
from absl.testing import parameterized

from datasets.checks import check, missing_files
from datasets.manifest import DataError
from tests.support import layouts, mutations, pictures
from tests.support.tensors import TensorTest

_TRIALS = 200
_COUNTS = {"cub": ((6, 2), (6, 2)), "sop": ((6, 2), (6, 2)), "inshop": ((6, 2), (4, 2), (4, 2))}
_CSV = "path,label,split,role,left,top,right,bottom\n" + "".join(
    f"{label}/{image}.jpg,{label},{split},{role},1,2,3.5,4\n"
    for label, split, roles in (("a", "train", ("", "")), ("b", "val", ("", "")), ("c", "test", ("query", "gallery")))
    for image, role in enumerate(roles)
)
_STRANGE = (b"", b"-1", b"0", b"nan", b"1e400", b"9" * 30, b"\xff\xfe", b"\0", b"..", b"/x", b'"', b"a b")


def _line_changed(change):
    """A mutation that makes other lines of one of the lines."""

    def mutate(data, random):
        lines = data.split(b"\n")
        index = random.integers(len(lines))
        lines[index : index + 1] = change(lines[index], random)
        return b"\n".join(lines)

    return mutate


def _column_changed(change):
    """A mutation that makes other columns of one of a line's columns."""

    def in_line(line, random):
        separator = b"," if b"," in line else b" "
        columns = line.split(separator)
        index = random.integers(len(columns))
        columns[index : index + 1] = change(columns[index], random)
        return [separator.join(columns)]

    return _line_changed(in_line)


_MUTATIONS = (
    lambda data, random: data[: random.integers(len(data))],
    lambda data, random: mutations.mutated(data, [data[::-1]], random),
    lambda data, random: random.bytes(random.integers(0, 400)),
    lambda data, random: data.decode().encode("utf-16"),
    _line_changed(lambda line, random: []),
    _line_changed(lambda line, random: [line, line]),
    _line_changed(lambda line, random: [line, b""]),
    _line_changed(lambda line, random: [line + b"\xe9"]),
    _column_changed(lambda column, random: []),
    _column_changed(lambda column, random: [column, column]),
    _column_changed(lambda column, random: [_STRANGE[random.integers(len(_STRANGE))]]),
    _column_changed(lambda column, random: [column[:2] + b" " + column[2:]]),
)


class AnnotationFuzzTest(TensorTest):
    @parameterized.parameters(*_COUNTS, "csv")
    def test_damage(self, name):
        root = pictures.folder_for(self)
        if name == "csv":
            (root / "list.csv").write_text(_CSV)
            load = functools.partial(layouts.load, "csv", manifest=f"{root}/list.csv")
        else:
            layouts.BUILDERS[name](root, _COUNTS[name])
            load = functools.partial(layouts.load, name, root)
        check(load())
        files = sorted(path for path in root.rglob("*") if path.suffix in (".txt", ".csv"))
        random = np.random.default_rng(sum(name.encode()))
        outcomes = collections.Counter()
        for trial in range(_TRIALS):
            path = files[trial % len(files)]
            original = path.read_bytes()
            damaged = _MUTATIONS[random.integers(len(_MUTATIONS))](original, random)
            path.write_bytes(damaged)
            try:
                manifest = load()
                missing_files(manifest)
                check(manifest)
                outcomes["read"] += 1
            except DataError as error:
                self.assertNotEmpty(str(error))
                outcomes["refused"] += 1
            except Exception as error:
                raise AssertionError(f"{path.name}: {damaged!r}"[:3000]) from error
            path.write_bytes(original)
        # Both are common: not everything is refused, nor accepted.
        self.assertGreater(min(outcomes["refused"], outcomes["read"]), _TRIALS // 50, outcomes)
