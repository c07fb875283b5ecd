"""Makes a data set's directory out of its archives."""

from __future__ import annotations

import os
import pathlib
import urllib.parse
from collections.abc import Callable, Mapping, Sequence

from datasets.manifest import DataError
from datasets.prepare.archives import extract, verify
from datasets.prepare.downloads import download
from datasets.prepare.files import blocks_of, make_folder, placed, require_space
from datasets.prepare.marker import Prepared, add_to_marker, claimed, read_marker
from datasets.prepare.sources import SOURCES, Archive, Source
from datasets.progress_bar import Progress, shown


def prepare(
    name: str,
    data_dir: str | os.PathLike,
    archives: Sequence[str | os.PathLike] = (),
    urls: Sequence[str] = (),
    any_checksum: bool = False,
    progress: Progress = shown,
) -> list[str]:
    """Verifies and extracts what a benchmark is distributed in; a call after a kill goes on from there.

    Each archive is the given one, or one that lies in the directory, or is downloaded from a given address.
    They are told apart by their file names.

    Args:
      name: of the data set.
      data_dir: where its folders are to be; made if need be.
      archives: files that have been fetched.
      urls: addresses to fetch the others from.
      any_checksum: whether archives of another sum than the published one will do.
      progress: shows how far it is.

    Returns:
      What was done, a line for each archive.

    Raises:
      DataError: the data set is none of these, an archive is missing, or one is refused.
    """
    if name not in SOURCES:
        raise DataError(
            f"{name!r} is not prepared from archives; {', '.join(SOURCES)} are. Other data sets are read as they are."
        )
    source, data_dir = SOURCES[name], pathlib.Path(data_dir)
    with claimed(data_dir):
        given_files = _by_name(source, [str(path) for path in archives], os.path.basename)
        given_urls = _by_name(source, urls, _last_part)
        form = _form(name, source, data_dir, {**given_urls, **given_files})
        lines = []
        for archive in form:
            file = pathlib.Path(given_files[archive.file_name]) if archive.file_name in given_files else None
            file = file or _lying_in(data_dir, archive)
            if _is_done(data_dir, archive, file):
                lines.append(f"{archive.file_name}: is in place already")
                continue
            if file is None:
                url = given_urls.get(archive.file_name)
                if url is None:  # An optional one that is not there.
                    continue
                file = data_dir / archive.file_name
                download(url, file, progress)
                lines.append(f"{archive.file_name}: downloaded to {file}")
            lines.append(_put_in_place(data_dir, archive, file, source.max_bytes, any_checksum, progress))
    return lines


def _by_name(source: Source, given: Sequence[str], name_of: Callable[[str], str]) -> dict[str, str]:
    """What was given, by the name of the archive that it is; a lone one may have any name if just one is needed."""
    known = [archive.file_name for form in source.forms for archive in form]
    required = [archive.file_name for archive in source.archives if not archive.is_optional]
    found: dict[str, str] = {}
    for item in given:
        file_name = name_of(item)
        if file_name not in known and len(given) == len(required) == 1:
            file_name = required[0]
        if file_name not in known:
            raise DataError(f"{item} is not an archive of this data set; these are: {', '.join(known)}. Rename it.")
        if file_name in found:
            raise DataError(f"{file_name} was given twice, as {found[file_name]} and {item}; give one.")
        found[file_name] = item
    return found


def _last_part(url: str) -> str:
    return os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(url).path))


def _form(name: str, source: Source, data_dir: pathlib.Path, given: Mapping[str, str]) -> tuple[Archive, ...]:
    """The first set of archives that is complete; of several, one that was given goes first."""
    lacking = []
    for form in sorted(source.forms, key=lambda form: not any(archive.file_name in given for archive in form)):
        missing = [
            archive.file_name
            for archive in form
            if not archive.is_optional
            and archive.file_name not in given
            and _lying_in(data_dir, archive) is None
            and not _is_done(data_dir, archive, None)
        ]
        if not missing:
            unused = sorted(given.keys() - {archive.file_name for archive in form})
            if unused:
                raise DataError(f"{unused[0]} is of no use beside {form[0].file_name}; leave it out.")
            return form
        lacking.append(" and ".join(missing))
    raise DataError(
        f"{name} needs {', or '.join(lacking)}; give the path of each with --archive or its address with --url, or put "
        f"it into {data_dir}. {source.instructions}"
    )


def _lying_in(data_dir: pathlib.Path, archive: Archive) -> pathlib.Path | None:
    for folder in (data_dir, data_dir / archive.extract_to):
        if (folder / archive.file_name).is_file():
            return folder / archive.file_name
    return None


def _is_done(data_dir: pathlib.Path, archive: Archive, file: pathlib.Path | None) -> bool:
    """Whether the archive has been put in place, and is the one at hand, if there is one at hand."""
    prepared = read_marker(data_dir).get(archive.file_name)
    if prepared is None or not prepared.is_complete(data_dir / archive.extract_to):
        return False
    return file is None or not file.is_file() or file.stat().st_size == prepared.size


def _put_in_place(
    data_dir: pathlib.Path,
    archive: Archive,
    file: pathlib.Path,
    max_bytes: int,
    any_checksum: bool,
    progress: Progress,
) -> str:
    if not file.is_file():
        raise DataError(f"There is no file {file}; give the path of {archive.file_name}.")
    md5 = verify(file, None if any_checksum else archive.md5, progress)
    target = data_dir / archive.extract_to
    if archive.is_packed:
        paths = extract(file, target, max_bytes, progress)
        done = f"{len(paths):,} file{'s' if len(paths) > 1 else ''} in {target}"
    else:
        paths = (archive.file_name,)
        _copy(file, data_dir, archive)
        done = f"in {target}"
    size = file.stat().st_size
    add_to_marker(data_dir, archive.file_name, Prepared.of(size, md5, paths))
    if archive.md5 is None:
        checked = "no sum is published to check it by"
    else:
        checked = "MD5 as published" if md5 == archive.md5 else f"MD5 {md5}, which is not the published one"
    return f"{archive.file_name}: {done} ({checked})"


def _copy(file: pathlib.Path, data_dir: pathlib.Path, archive: Archive) -> None:
    make_folder(data_dir, archive.extract_to)
    place = data_dir / archive.extract_to / archive.file_name
    if place.exists() and place.samefile(file):
        return
    require_space(place.parent, file.stat().st_size)
    with open(file, "rb") as original, placed(place) as copy:
        for block in blocks_of(original):
            copy.write(block)
