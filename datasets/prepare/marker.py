"""What has been prepared, as a directory's own record has it."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Sequence

from datasets.manifest import DataError
from datasets.prepare.files import placed

MARKER = ".prepared.json"
_LOCK = ".prepared.lock"


@dataclasses.dataclass(frozen=True)
class Prepared:
    """An archive whose files are all in place.

    Attributes:
      size: of the archive, in bytes.
      md5: of the archive.
      entries: number of its files.
      tops: names, in the folder that they went to, which hold them all.
    """

    size: int
    md5: str
    entries: int
    tops: tuple[str, ...]

    @classmethod
    def of(cls, size: int, md5: str, paths: Sequence[str]) -> Prepared:
        """The record of an archive whose files have these paths."""
        return cls(size, md5, len(paths), tuple(sorted({path.split("/")[0] for path in paths})))

    def is_complete(self, folder: pathlib.Path) -> bool:
        """Whether as many files are still there."""
        return sum(_num_files(folder / top) for top in self.tops) >= self.entries


def read_marker(data_dir: pathlib.Path) -> dict[str, Prepared]:
    """What has been prepared, by archive; a record that cannot be read is none, and the work is done again."""
    try:
        records = json.loads((data_dir / MARKER).read_text())
        return {name: Prepared(**{**record, "tops": tuple(record["tops"])}) for name, record in records.items()}
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def add_to_marker(data_dir: pathlib.Path, name: str, prepared: Prepared) -> None:
    """Records an archive as prepared."""
    # What the record vouches for must not be lost with the power when the record itself is not.
    os.sync()
    records = {**read_marker(data_dir), name: prepared}
    with placed(data_dir / MARKER) as file:
        file.write(json.dumps({key: dataclasses.asdict(value) for key, value in records.items()}, indent=2).encode())


@contextlib.contextmanager
def claimed(data_dir: pathlib.Path) -> Iterator[None]:
    """Keeps other processes from preparing the same directory; the lock goes with the process.

    Raises:
      DataError: another one is at it, or the directory is none.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DataError(f"{data_dir} must be a directory and is a file; pass another --data_dir.") from None
    with open(data_dir / _LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"Another process is preparing {data_dir}; wait for it.") from None
        yield


def _num_files(path: pathlib.Path) -> int:
    return int(path.is_file()) or sum(len(names) for _, _, names in os.walk(path))
