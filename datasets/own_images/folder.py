"""The user's own images: a folder for each class."""

from __future__ import annotations

import logging
import os

from ccp.wording import counted
from datasets.image_files import files_below, folders_in
from datasets.manifest import TEST, TRAIN, VALIDATION, DataError, Entry, Manifest, assemble
from datasets.own_images.unseen_classes import natural_order, refuse_test_images, test_classes
from datasets.settings import DataSettings

_log = logging.getLogger("ccp")
_SPLITS = {"train": TRAIN, "val": VALIDATION, "validation": VALIDATION, "test": TEST}
# Other names for them, in lower case.
_CALLED = {
    **dict.fromkeys(("train", "training", "trainset", "train_set"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "test_set"), "test"),
}


def load(settings: DataSettings) -> Manifest:
    """Images in a folder for each class, at any depth below it.

    Class folders are in ``train`` and ``test``, and in ``val`` or ``validation`` if there is one; or all in
    ``data_dir``, and then the last of them in natural order are for test. With ``test_fraction`` 0 all are for
    training, and there is no ``test``. Hidden files are skipped, and files that are no images by their extension are
    left out with a warning.

    Without labels, all images below ``data_dir``, at any depth, are for training, each a class. If there is ``train``,
    these are the images below that, and ``test`` and ``val``, if there are any, hold class folders as above.

    Args:
      settings: ``data_dir``, ``labels``, and ``test_fraction`` where folders do not say which classes are for test.

    Raises:
      DataError: there are no such folders, or too few.
    """
    try:
        if settings.labels == "none":
            entries, class_names = _read_without_labels(settings.data_dir)
        else:
            entries, class_names = _read(settings.data_dir, settings.test_fraction)
    except OSError as error:
        raise DataError(
            f"{error.filename!r} cannot be read ({error.strerror}); pass --data_dir, the directory of class folders."
        ) from error
    return assemble("folder", settings.data_dir, entries, class_names)


def _read(data_dir: str, test_fraction: float) -> tuple[list[Entry], list[str]]:
    """The examples, and all classes in order."""
    tops = folders_in(data_dir)
    splits = [top for top in tops if top in _SPLITS]
    without_test = test_fraction == 0 and "train" in splits and splits == tops
    if {"train", "test"} <= set(splits) or without_test:
        if test_fraction == 0 and "test" in splits:
            refuse_test_images(f"folder {data_dir}")
        _warn(data_dir, [top for top in tops if top not in _SPLITS], "folder", "beside train/ and test/")
        entries = [
            Entry(path, _printable(name), _SPLITS[split])
            for split in splits
            for name, paths in _classes(data_dir, split).items()
            for path in paths
        ]
        return entries, natural_order({entry.class_name for entry in entries})
    if splits and splits == tops:
        raise DataError(
            f"{data_dir} has {' and '.join(splits)}, and no {'test' if 'train' in splits else 'train'}; where folders "
            "name splits, both are needed. Add it, or put the class folders into --data_dir itself."
        )
    called = {_CALLED[top.lower()]: top for top in tops if top.lower() in _CALLED}
    if "train" in called and len(called) > 1:
        raise DataError(
            f"{data_dir} has {' and '.join(called.values())}, which look like splits and not like classes. Name them "
            f"{' and '.join(called)}, or pass one of them as --data_dir."
        )
    classes = _classes(data_dir, "")
    unseen = test_classes(f"folder {data_dir}", list(classes), test_fraction)
    entries = [
        Entry(path, _printable(name), TEST if name in unseen else TRAIN)
        for name, paths in classes.items()
        for path in paths
    ]
    return entries, [_printable(name) for name in classes]


def _read_without_labels(data_dir: str) -> tuple[list[Entry], list[str]]:
    """The training images as a class each, and the labelled examples of other splits; and all classes in order."""
    tops = folders_in(data_dir)
    splits = [top for top in tops if top in _SPLITS] if "train" in tops else []
    _warn(data_dir, [top for top in tops if splits and top not in _SPLITS], "folder", "beside train/")
    place = os.path.join(data_dir, "train") if splits else data_dir
    found = files_below(data_dir, "train" if splits else "")
    _warn(place, found.others, "file", "without an image extension")
    labelled = [
        Entry(path, _printable(name), _SPLITS[split])
        for split in splits
        if split != "train"
        for name, paths in _classes(data_dir, split).items()
        for path in paths
    ]
    entries = [Entry(path, _printable(path), TRAIN) for path in found.images]
    class_names = natural_order({entry.class_name for entry in labelled})
    return [*entries, *labelled], [*(entry.class_name for entry in entries), *class_names]


def _classes(data_dir: str, split: str) -> dict[str, list[str]]:
    """Paths of images by class folder, in natural order; warns of what is left out."""
    folders = natural_order(folders_in(os.path.join(data_dir, split)))
    found = {name: files_below(data_dir, os.path.join(split, name)) for name in folders}
    loose = files_below(data_dir, split, deep=False)
    place = os.path.join(data_dir, split) if split else data_dir
    others = [path for search in (*found.values(), loose) for path in search.others]
    _warn(place, others, "file", "without an image extension")
    _warn(place, loose.images, "image", "outside any class folder")
    _warn(place, [name for name in found if not found[name].images], "folder", "without images")
    _warn_of_merged(place, {n: _folders_with_images(os.path.join(split, n), found[n].images) for n in found})
    return {name: search.images for name, search in found.items() if search.images}


def _warn(place: str, names: list[str], what: str, which: str) -> None:
    if names:
        _log.warning("left out %s of %s %s, as %s", counted(len(names), what), place, which, _printable(names[0]))


def _folders_with_images(class_folder: str, images: list[str]) -> list[str]:
    """The folders below a class folder that hold images."""
    return sorted({os.path.dirname(path) for path in images} - {class_folder})


def _warn_of_merged(place: str, merged: dict[str, list[str]]) -> None:
    """A class may well be spread over folders, but often these are the classes."""
    nested = {name: folders for name, folders in merged.items() if folders}
    if nested:
        name, folders = max(nested.items(), key=lambda item: len(item[1]))
        _log.warning(
            "%d of %d class folders of %s hold folders with images, which become one class: %s is %d folders, as %s. "
            "If these are the classes, move them up into %s, or list every image with its class: --dataset=csv",
            *(len(nested), len(merged), place, _printable(name), len(folders), _printable(folders[0]), place),
        )


def _printable(name: str) -> str:
    """A file name as text that any file can hold: bytes in another encoding than UTF-8 are spelled out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
