"""The input of pipelines: images with their labels, split by split."""

from __future__ import annotations

import dataclasses

import numpy as np

from datasets.images.sources import ImageFiles, ImagesInMemory
from datasets.manifest import TEST, DataError, Manifest


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Images with their classes.

    Attributes:
      images: where the pixels come from.
      labels: [num_examples] int64, contiguous from 0.
      class_names: one per label.
      roles: [num_examples] str: ``query`` or ``gallery`` where the two are kept apart, otherwise empty.
    """

    images: ImagesInMemory | ImageFiles
    labels: np.ndarray
    class_names: tuple[str, ...]
    roles: np.ndarray

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: np.ndarray) -> Examples:
        """Some of the examples; classes that lose all of theirs go, and labels close up."""
        kept, labels = np.unique(self.labels[indices], return_inverse=True)
        names = tuple(self.class_names[label] for label in kept)
        return Examples(self.images.take(indices), labels.astype(np.int64), names, self.roles[indices])


@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """The three splits of a data set.

    Attributes:
      train: what the network is trained on.
      validation: what selects the model: held out of the training images, or the test split itself if asked for.
      test: classes that are in neither of the others.
      validation_source: what the validation split is, for the record.
    """

    train: Examples
    validation: Examples
    test: Examples
    validation_source: str


def split_examples(manifest: Manifest, split: str, crop_to_box: bool = False) -> Examples:
    """The examples of one split, labels renumbered from 0 in their order.

    Args:
      manifest: of the data set, checked.
      split: one of ``SPLITS``.
      crop_to_box: use only what is inside the annotated boxes.

    Raises:
      DataError: the split is empty, or boxes are asked for and there are none.
    """
    indices = np.flatnonzero(manifest.splits == split)
    if not len(indices):
        remedy = " Put its images into test/, or let --test_fraction say how many classes are for it." * (split == TEST)
        raise DataError(f"{manifest.name} has no {split} images, and a run needs some.{remedy}")
    if crop_to_box and manifest.boxes is None:
        raise DataError(f"{manifest.name} has no annotated boxes; leave --crop_to_box out.")
    chosen = manifest.subset(indices)
    boxes = chosen.boxes if crop_to_box else None
    if chosen.pixels is not None:
        images = ImagesInMemory(chosen.pixels, chosen.paths)
    else:
        images = ImageFiles(chosen.root, chosen.paths, boxes)
    return Examples(images, chosen.labels, chosen.class_names, chosen.roles)
