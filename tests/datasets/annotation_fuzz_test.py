"""Text files of annotations with something wrong in them: refused with a DataError, or read."""

import collections
import functools
import pathlib
import time

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.checks import check, missing_files
from datasets.manifest import DataError
from tests.support import layouts, mutations, pictures

_TRIALS = 250
_SECONDS_FOR_ONE = 5.0
_COUNTS = {
    "cub": ((6, 2), (6, 2)),
    "sop": ((6, 2), (6, 2)),
    "inshop": ((6, 2), (4, 2), (4, 2)),
}
_CSV = "path,label,split,role,left,top,right,bottom\n" + "".join(
    f"{label}/{image}.jpg,{label},{split},{role},1,2,3.5,4\n"
    for label, split, roles in (("a", "train", ("", "")), ("b", "val", ("", "")), ("c", "test", ("query", "gallery")))
    for image, role in enumerate(roles)
)


def _build_csv(root):
    (root / "list.csv").write_text(_CSV)


_DATA_SETS = ("cub", "sop", "inshop", "csv")


def _load(name, root):
    if name == "csv":
        return layouts.load("csv", manifest=f"{root}/list.csv")
    return layouts.load(name, root)


def _lines_changed(change):
    """A mutation of one line out of one of its lines."""

    def mutate(data, random):
        lines = data.split(b"\n")
        index = random.integers(len(lines))
        lines[index : index + 1] = change(lines[index], random)
        return b"\n".join(lines)

    return mutate


def _columns_changed(change):
    """A mutation of one line out of its columns."""

    def in_line(line, random):
        separator = b"," if b"," in line else b" "
        columns = line.split(separator)
        return [separator.join(change(columns, int(random.integers(len(columns))), random))]

    return _lines_changed(in_line)


_STRANGE = (b"", b"-1", b"0", b"nan", b"1e400", b"9" * 30, b"\xff\xfe", b"\0", b"..", b"/x", b'"', b"a b")

_ON_BYTES = {
    "truncated": lambda data, random: data[: random.integers(len(data))],
    "bytes changed": lambda data, random: mutations.mutated(data, [data[::-1]], random),
    "random bytes": lambda data, random: random.bytes(random.integers(0, 400)),
}
_ON_LINES = {
    "a line missing": _lines_changed(lambda line, random: []),
    "a line twice": _lines_changed(lambda line, random: [line, line]),
    "a blank line": _lines_changed(lambda line, random: [line, b""]),
    "a column missing": _columns_changed(lambda columns, at, random: columns[:at] + columns[at + 1 :]),
    "a column twice": _columns_changed(lambda columns, at, random: [*columns[:at], columns[at], *columns[at:]]),
    "a value changed": _columns_changed(
        lambda columns, at, random: [*columns[:at], _STRANGE[random.integers(len(_STRANGE))], *columns[at + 1 :]]
    ),
    "a space in a value": _columns_changed(
        lambda columns, at, random: [*columns[:at], columns[at][:2] + b" " + columns[at][2:], *columns[at + 1 :]]
    ),
    "not UTF-8": _lines_changed(lambda line, random: [line + b"\xe9"]),
    "UTF-16": lambda data, random: data.decode().encode("utf-16"),
}
_HARMLESS = {
    "line ends of Windows": lambda data, random: data.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda data, random: b"\xef\xbb\xbf" + data,
    "blank lines at the end": lambda data, random: data + b"\n \r\n\n" * int(random.integers(1, 4)),
    "no line end": lambda data, random: data.rstrip(b"\n"),
}


def _described(manifest):
    boxes = None if manifest.boxes is None else manifest.boxes.tolist()
    columns = (manifest.paths, manifest.labels, manifest.splits, manifest.roles)
    return [column.tolist() for column in columns], manifest.class_names, boxes


class AnnotationFuzzTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*_DATA_SETS)
    def test_damage(self, name):
        self.root = pictures.folder_for(self)
        build = _build_csv if name == "csv" else functools.partial(layouts.BUILDERS[name], counts=_COUNTS[name])
        build(self.root)
        self.load = lambda: _load(name, self.root)
        self.sound = _described(self.load())
        files = sorted(path for path in self.root.rglob("*") if path.suffix in (".txt", ".csv"))
        random = np.random.default_rng(sum(name.encode()))
        outcomes = collections.Counter()
        kinds = {**_ON_BYTES, **_ON_LINES, **_HARMLESS}
        for trial in range(_TRIALS):
            path = files[trial % len(files)]
            kind = sorted(kinds)[random.integers(len(kinds))]
            outcome = self.outcome(path, kind, kinds[kind], random)
            outcomes[outcome] += 1
            if kind in _HARMLESS:
                self.assertEqual(outcome, "as before", f"{path.name}: {kind}")
        # Both are common: not everything is refused, nor accepted.
        self.assertGreater(outcomes["refused"], _TRIALS // 5, outcomes)
        self.assertGreater(sum(outcomes.values()) - outcomes["refused"], _TRIALS // 50, outcomes)

    def outcome(self, path: pathlib.Path, kind, mutate, random):
        original = path.read_bytes()
        mutated = mutate(original, random)
        path.write_bytes(mutated)
        started = time.perf_counter()
        try:
            manifest = self.load()
            missing_files(manifest)
        except DataError as error:
            self.assertNotEmpty(str(error))
            return "refused"
        except Exception as error:
            raise AssertionError(f"{path.name}, {kind}: {mutated!r}"[:3000]) from error
        finally:
            path.write_bytes(original)
            self.assertLess(time.perf_counter() - started, _SECONDS_FOR_ONE, f"{path.name}, {kind}")
        if _described(manifest) == self.sound:
            return "as before"
        try:
            check(manifest)
        except DataError:
            return "read, and refused by the check"
        return "read as another data set"
