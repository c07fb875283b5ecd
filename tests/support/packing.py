"""Archives for tests."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping


def special_entry(name: str, kind: bytes, linkname: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """An entry of a tar archive that is not a file."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, linkname
    return entry, b""


def tar_of(entries: Iterable[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    """A tar archive of entries with their contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for entry, contents in entries:
            archive.addfile(entry, io.BytesIO(contents))
    return buffer.getvalue()


def packed(kind: str, files: Mapping[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A tar, tgz or zip archive of files."""
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, contents in files.items():
                archive.writestr(name, contents)
        return buffer.getvalue()
    entries = []
    for name, contents in files.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(contents)
        entries.append((entry, contents))
    return tar_of(entries, {"tar": "w", "tgz": "w:gz", "txz": "w:xz"}[kind])
