"""A data set of one's own: a folder of images for each class."""

from __future__ import annotations

import logging
import os

from datasets.manifest import TEST, TRAIN, VALIDATION, DataError, Entry, Manifest, assemble
from datasets.own_images.image_search import folders_in, images_below
from datasets.own_images.unseen_classes import in_natural_order, test_classes
from datasets.settings import DataSettings

_log = logging.getLogger("ccp")
_SPLITS = {"train": TRAIN, "val": VALIDATION, "validation": VALIDATION, "test": TEST}


def load(data: DataSettings) -> Manifest:
    """Images of classes, each with a folder of its own; images may lie at any depth below it.

    Class folders lie in ``train`` and ``test``, and in ``val`` or ``validation`` if there is one; or all in
    ``data_dir``, and then the last of them in natural order are for test. What is hidden is passed over, and what
    is no image by its extension is left out with a warning.

    Args:
      data: ``data_dir``, and ``test_fraction`` where folders do not say which classes are for test.

    Raises:
      DataError: there are no such folders, or too few.
    """
    data_dir, test_fraction = data.data_dir, data.test_fraction
    try:
        entries, class_names = _read(data_dir, test_fraction)
    except OSError as error:
        raise DataError(
            f"{error.filename!r} cannot be read ({error.strerror}); pass --data_dir, the directory of class folders."
        ) from error
    return assemble("folder", data_dir, entries, class_names)


def _read(data_dir: str, test_fraction: float) -> tuple[list[Entry], list[str]]:
    """The examples, and all classes in order."""
    tops = folders_in(data_dir)
    parts = [top for top in tops if top in _SPLITS]
    if {"train", "test"} <= set(parts):
        _warn_of(data_dir, [top for top in tops if top not in _SPLITS], "folders", "beside train/ and test/")
        entries = [
            Entry(path, _printable(name), _SPLITS[part])
            for part in parts
            for name, paths in _classes(data_dir, part).items()
            for path in paths
        ]
        return entries, in_natural_order({entry.class_name for entry in entries})
    if parts and parts == tops:
        raise DataError(
            f"{data_dir} has {' and '.join(parts)}, and no {'test' if 'train' in parts else 'train'}; where folders "
            "say what images are for, both are needed. Add it, or let the class folders lie in --data_dir itself."
        )
    classes = _classes(data_dir, "")
    unseen = test_classes(f"folder {data_dir}", list(classes), test_fraction)
    entries = [
        Entry(path, _printable(name), TEST if name in unseen else TRAIN)
        for name, paths in classes.items()
        for path in paths
    ]
    return entries, [_printable(name) for name in classes]


def _classes(data_dir: str, part: str) -> dict[str, list[str]]:
    """Paths of images by class folder, in natural order; says what is left out."""
    folders = in_natural_order(folders_in(os.path.join(data_dir, part)))
    found = {name: images_below(data_dir, os.path.join(part, name)) for name in folders}
    loose = images_below(data_dir, part, deep=False)
    place = os.path.join(data_dir, part) if part else data_dir
    others = [path for search in (*found.values(), loose) for path in search.others]
    _warn_of(place, others, "files", "that are no images by their extension")
    _warn_of(place, loose.images, "images", "that lie in no class's folder")
    _warn_of(place, [name for name in found if not found[name].images], "folders", "that hold no images")
    return {name: search.images for name, search in found.items() if search.images}


def _warn_of(place: str, names: list[str], what: str, which: str) -> None:
    if names:
        _log.warning("left out %d %s of %s %s, as %s", len(names), what, place, which, _printable(names[0]))


def _printable(name: str) -> str:
    """A file name as text that any file can hold: bytes in another encoding than UTF-8 are spelled out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
