"""Safe extraction of tar and zip archives."""

from __future__ import annotations

import os
import pathlib
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Collection
from typing import Any

from ccp.errors import first_line
from datasets.manifest import DataError
from datasets.progress import progress

_FETCH_AGAIN = "fetch it again"


def extract(archive: pathlib.Path, target: pathlib.Path) -> int:
    """Extracts a tar, compressed tar or zip archive; its contents say which it is.

    Nothing is written outside the target, and no links. Existing files are overwritten, so that an interrupted
    extraction is completed by starting it again.

    Args:
      archive: the file.
      target: the folder to extract to; is made.

    Returns:
      The number of files.

    Raises:
      DataError: the archive is damaged, encrypted or unsafe, or there is no room for it.
    """
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                return _extract_tar(tar, archive, target)
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as contents:
                return _extract_zip(contents, archive, target)
    except DataError:
        raise
    # Decompressors raise errors of many kinds for damaged files, among them an OSError without a number.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(
                f"{archive} cannot be extracted to {target} ({error.strerror}). Make room or pass another --data_dir, "
                "and run the command again."
            ) from error
        raise DataError(f"{archive} is damaged or incomplete ({first_line(error)}); {_FETCH_AGAIN}.") from error
    with open(archive, "rb") as file:
        is_web_page = file.read(512).lstrip().startswith(b"<")
    found = "it is a web page, as for a login or an error" if is_web_page else "it is none of these"
    raise DataError(f"{archive} should be a .tgz, .tar or .zip archive; {found}. {_FETCH_AGAIN.capitalize()}.")


def _extract_tar(tar: tarfile.TarFile, archive: pathlib.Path, target: pathlib.Path) -> int:
    members = tar.getmembers()
    while tar.fileobj.read(1 << 20):  # To gzip's checksum, which comes last.
        pass
    for member in members:
        if not (member.isfile() or member.isdir()) or _leads_out(member.name):
            raise DataError(
                f"{archive} holds {member.name[:200]!r}, which is a link or a device, or would be outside {target}. "
                f"Nothing was extracted; {_FETCH_AGAIN} from the data set's makers."
            )
    # What Python itself checks, where it is recent enough.
    options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    files = [member for member in members if member.isfile()]
    size = sum(member.size for member in files)
    return _extract_all(archive, target, files, size, lambda member: tar.extract(member, target, **options))


def _extract_zip(contents: zipfile.ZipFile, archive: pathlib.Path, target: pathlib.Path) -> int:
    # zipfile drops leading slashes and "..", and writes links as plain files.
    files = [member for member in contents.infolist() if not member.is_dir()]
    if any(member.flag_bits & 1 for member in files):  # DeepFashion is distributed so.
        raise DataError(
            f"{archive} is encrypted. Unpack it with the password that the data set's makers gave you; the data can be "
            "used from there."
        )
    size = sum(member.file_size for member in files)
    return _extract_all(archive, target, files, size, lambda member: contents.extract(member, target))


def _extract_all(
    archive: pathlib.Path, target: pathlib.Path, files: Collection, size: int, extract_one: Callable[..., object]
) -> int:
    target.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target).free
    if size > free:
        raise DataError(
            f"{archive} needs {size / 1e9:.1f} GB in {target}, and {free / 1e9:.1f} GB are free. Make room, or pass "
            "another --data_dir."
        )
    with progress(f"extracting {archive.name}", len(files), "files") as advance:
        for file in files:
            extract_one(file)
            advance(1)
    return len(files)


def _leads_out(name: str) -> bool:
    return os.path.isabs(name) or ".." in pathlib.PurePosixPath(name).parts
