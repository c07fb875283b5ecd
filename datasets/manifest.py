"""The form that every data set is turned into: a row for each example."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ccp.errors import UserError
from ccp.wording import counted

TRAIN, VALIDATION, TEST = "train", "validation", "test"
QUERY, GALLERY = "query", "gallery"
SPLITS = (TRAIN, VALIDATION, TEST)
ROLES = ("", QUERY, GALLERY)


class DataError(UserError, ValueError):
    """A data set cannot be used as it is; the message says what was needed, what was found and what to do."""


class Box(NamedTuple):
    """Part of an image, in pixels of the image as it is displayed; right and bottom are the first ones outside."""

    left: int
    top: int
    right: int
    bottom: int


class Entry(NamedTuple):
    """One example, as a data set's own annotations have it.

    Attributes:
      path: of the image file, relative to the data set's root, or a name where images are held in memory.
      class_name: its class.
      split: one of ``SPLITS``.
      role: ``query`` or ``gallery`` where a test set keeps the two apart, otherwise empty.
      box: where in the image, if annotated.
    """

    path: str
    class_name: str
    split: str
    role: str = ""
    box: Box | None = None


class Counts(NamedTuple):
    """How much there is of one split of a data set."""

    images: int
    classes: int


@dataclasses.dataclass(frozen=True, eq=False)
class Manifest:
    """Every example of a data set, in order.

    Attributes:
      name: of the data set, for messages.
      root: directory that paths are relative to; empty where images are held in memory.
      paths: [num_examples] str.
      labels: [num_examples] int64, contiguous from 0 over the whole data set.
      splits: [num_examples] str, each one of ``SPLITS``.
      roles: [num_examples] str, each one of ``ROLES``.
      class_names: one per label.
      boxes: [num_examples, 4] int32 (left, top, right, bottom), or None.
      pixels: [num_examples, height, width, channels] uint8 where images are held in memory, otherwise None.
    """

    name: str
    root: str
    paths: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    roles: np.ndarray
    class_names: tuple[str, ...]
    boxes: np.ndarray | None = None
    pixels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def members(self) -> dict[str, np.ndarray]:
        """Indices of the examples of every split that has any: train, validation, and test or query and gallery."""
        found = {
            role or split: np.flatnonzero((self.splits == split) & (self.roles == role))
            for split in SPLITS
            for role in ROLES
        }
        return {split: indices for split, indices in found.items() if len(indices)}

    def counts(self) -> dict[str, Counts]:
        """Images and classes of every split that has any; see ``members``."""
        return {
            split: Counts(len(indices), len(np.unique(self.labels[indices])))
            for split, indices in self.members().items()
        }

    def digest(self) -> str:
        """A checksum of paths, classes, splits, roles, boxes and pixels in memory, wherever the files are."""
        digest = hashlib.sha256(repr(self.class_names).encode("utf-8", "surrogateescape"))
        for path in self.paths:
            digest.update(os.fsencode(path) + b"\0")
        for column in (self.labels, self.splits.astype("U10"), self.roles.astype("U10"), self.boxes, self.pixels):
            digest.update(b"none" if column is None else np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def subset(self, indices: np.ndarray) -> Manifest:
        """Some of the examples, in the order given; classes that lose all of theirs go, and labels close up."""
        kept, labels = np.unique(self.labels[indices], return_inverse=True)
        return dataclasses.replace(
            self,
            paths=self.paths[indices],
            labels=labels.reshape(-1).astype(np.int64),
            splits=self.splits[indices],
            roles=self.roles[indices],
            class_names=tuple(self.class_names[label] for label in kept),
            boxes=None if self.boxes is None else self.boxes[indices],
            pixels=None if self.pixels is None else self.pixels[indices],
        )


def assemble(
    name: str,
    root: str,
    entries: Sequence[Entry],
    class_names: Iterable[str],
    pixels: np.ndarray | None = None,
) -> Manifest:
    """A manifest of entries.

    Args:
      name: of the data set.
      root: directory that paths are relative to.
      entries: the examples, in order.
      class_names: every class, in label order.
      pixels: the images where they are held in memory.

    Raises:
      DataError: there are no entries or another number of images, two classes have one name, a class has no entry,
        an entry a class that is not listed, or only some entries a box.
    """
    if not entries:
        raise DataError(f"{name}: there are no examples in {root or 'the data'}.")
    if pixels is not None and len(pixels) != len(entries):
        raise DataError(f"{name}: every example needs an image; there are {len(entries)} and {len(pixels)} images.")
    class_names = tuple(class_names)
    numbers = {class_name: label for label, class_name in enumerate(class_names)}
    if len(numbers) < len(class_names):
        twice = collections.Counter(class_names).most_common(1)[0][0]
        raise DataError(f"{name}: two classes are called {twice!r}; their names must differ. Fix the annotations.")
    paths, classes, splits, roles, boxes = zip(*entries)
    unknown = set(classes) - numbers.keys()
    unused = numbers.keys() - set(classes)
    if unknown or unused:
        raise DataError(
            f"{name}: examples are of {counted(len(unknown), 'unlisted class')}, as {min(unknown)!r}."
            if unknown
            else f"{name}: {counted(len(unused), 'class')} without an example, as {min(unused)!r}."
        )
    boxed = sum(box is not None for box in boxes)
    if 0 < boxed < len(boxes):
        raise DataError(f"{name}: either every image has a box or none; {boxed} of {len(boxes)} have one.")
    return Manifest(
        name=name,
        root=root,
        paths=np.array(paths, object),
        labels=np.array([numbers[class_name] for class_name in classes], np.int64),
        splits=np.array(splits),
        roles=np.array(roles),
        class_names=class_names,
        boxes=np.array(boxes, np.int32) if boxed else None,
        pixels=pixels,
    )
