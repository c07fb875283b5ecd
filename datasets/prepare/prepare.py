"""Makes a data set's directory out of its archives."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import urllib.parse
from collections.abc import Mapping, Sequence

import pooch

from ccp.errors import first_line
from ccp.wording import counted
from datasets.manifest import DataError
from datasets.prepare.archives import extract
from datasets.prepare.sources import SOURCES, Archive, Source


def prepare(
    name: str,
    data_dir: str | os.PathLike,
    archives: Sequence[str] = (),
    urls: Sequence[str] = (),
    any_checksum: bool = False,
) -> list[str]:
    """Verifies and extracts the archives of a benchmark; an interrupted call is completed by calling again.

    Each archive is a given one, or one that is in the directory, or is downloaded from a given address to there.
    They are recognized by their file names.

    Args:
      name: of the data set.
      data_dir: where its folders are to be; is made.
      archives: files that have been fetched.
      urls: addresses (http, https, ftp) to fetch the others from.
      any_checksum: accept archives whose checksum is not the published one.

    Returns:
      What was done, a line for each archive.

    Raises:
      DataError: there is no such data set, an archive is missing, or one is refused.
    """
    if name not in SOURCES:
        raise DataError(
            f"{name!r} is not prepared from archives; {', '.join(SOURCES)} are. Other data sets are read as they are."
        )
    source, data_dir = SOURCES[name], pathlib.Path(data_dir)
    if source.unpacked and (data_dir / source.unpacked).is_file():
        return [f"{data_dir} holds the data as they are read; there is nothing to do"]
    given = _by_file_name(source, [*map(str, archives), *urls])
    form = _complete_form(name, source, data_dir, given)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return [_put_in_place(archive, place, data_dir, any_checksum) for archive, place in form.items()]
    except OSError as error:
        raise DataError(
            f"{error.filename or data_dir} cannot be used ({error.strerror or error}). Fix that or pass another "
            "--data_dir, and run the command again."
        ) from error


def _by_file_name(source: Source, given: Sequence[str]) -> dict[str, str]:
    """Paths and addresses by the archive's file name; a lone one may have any name if just one archive is needed."""
    known = [archive.file_name for form in source.forms for archive in form]
    required = [archive.file_name for archive in source.forms[0] if not archive.is_optional]
    found: dict[str, str] = {}
    for place in given:
        path = urllib.parse.unquote(urllib.parse.urlsplit(place).path) if _is_url(place) else place
        file_name = os.path.basename(path)
        if file_name not in known and len(given) == len(required) == 1:
            file_name = required[0]
        if file_name not in known:
            raise DataError(f"{place} is not an archive of this data set; these are: {', '.join(known)}. Rename it.")
        if file_name in found:
            raise DataError(f"{file_name} was given twice, as {found[file_name]} and {place}; give one.")
        found[file_name] = place
    return found


def _complete_form(name: str, source: Source, data_dir: pathlib.Path, given: Mapping[str, str]) -> dict[Archive, str]:
    """Where each archive is, of the first set of archives that is complete; sets of which one was given go first."""
    lacking = []
    for form in sorted(source.forms, key=lambda form: not any(archive.file_name in given for archive in form)):
        places = {archive: given.get(archive.file_name) or _in_directory(archive, data_dir) for archive in form}
        missing = [archive.file_name for archive in form if not (places[archive] or archive.is_optional)]
        if not missing:
            unused = sorted(given.keys() - {archive.file_name for archive in form})
            if unused:
                raise DataError(f"{unused[0]} is of no use beside {form[0].file_name}; leave it out.")
            return {archive: place for archive, place in places.items() if place}
        lacking.append(" and ".join(missing))
    raise DataError(
        f"{name} needs {', or '.join(lacking)}; give the path of each with --archive or its address with --url, or put "
        f"it into {data_dir}. {source.instructions}"
    )


def _in_directory(archive: Archive, data_dir: pathlib.Path) -> str:
    paths = (data_dir / archive.file_name, data_dir / archive.extract_to / archive.file_name)
    return next((str(path) for path in paths if path.is_file()), "")


def _put_in_place(archive: Archive, place: str, data_dir: pathlib.Path, any_checksum: bool) -> str:
    """Downloads, verifies and extracts (or copies) one archive; returns what was done."""
    expected = None if any_checksum else archive.md5
    if _is_url(place):
        place = _download(place, archive.file_name, expected, data_dir)
    path, target = pathlib.Path(place), data_dir / archive.extract_to
    if not path.is_file():
        raise DataError(f"There is no file {path}; give the path of {archive.file_name}.")
    md5 = pooch.file_hash(str(path), alg="md5")
    if expected not in (None, md5):
        raise DataError(
            f"{path} should have the MD5 sum {expected}; it has {md5}. Fetch it again, or pass --any_checksum if you "
            "know it to be another packaging of the same data."
        )
    if archive.is_packed:
        done = f"{counted(extract(path, target), 'file')} in {target}"
    else:
        target.mkdir(parents=True, exist_ok=True)
        if path.resolve() != (target / archive.file_name).resolve():
            shutil.copyfile(path, target / archive.file_name)
        done = f"in {target}"
    if archive.md5 is None:
        return f"{archive.file_name}: {done} (no checksum is published)"
    is_published = "as published" if md5 == archive.md5 else f"{md5}, which is not the published one"
    return f"{archive.file_name}: {done} (MD5 {is_published})"


def _download(url: str, file_name: str, md5: str | None, data_dir: pathlib.Path) -> str:
    try:
        return pooch.retrieve(url, md5 and f"md5:{md5}", file_name, data_dir, progressbar=sys.stderr.isatty())
    # Of the network or the server (requests, ftplib), or a checksum or scheme that is wrong.
    except Exception as error:
        raise DataError(
            f"{url} cannot be fetched ({first_line(error)}). Fetch it by other means and put it to "
            f"{data_dir / file_name}, or pass --any_checksum if you know it to be another packaging of the same data."
        ) from error


def _is_url(place: str) -> bool:
    return "://" in place
