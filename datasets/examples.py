"""The input of pipelines: images with their labels, split by split."""

from __future__ import annotations

import dataclasses

import numpy as np

from datasets.images.sources import ImageFiles, ImagesInMemory
from datasets.manifest import GALLERY, TEST, DataError, Manifest


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
      test: classes that are in neither of the others; or, if asked for, other images of the training classes.
      validation_source: what the validation split is, for the record.
      seen_classes: whether the test classes are the training classes. What is held out is then queries, and the
        training images are the gallery.
      in_views: the splits that hold two views of each image, which are to find each other.
    """

    train: Examples
    validation: Examples
    test: Examples
    validation_source: str
    seen_classes: bool = False
    in_views: tuple[str, ...] = ()

    def held_out(self, split: str) -> Examples:
        """The images of ``validation`` or ``test``, without the training images that are searched."""
        examples = getattr(self, split)
        return examples.subset(np.flatnonzero(examples.roles != GALLERY)) if self.seen_classes else examples

    def classes_of(self, split: str) -> str:
        """``seen classes`` if the network is trained on other images of the split's classes; or ``unseen classes``.

        Of views without labels: ``unseen images``.
        """
        if split in self.in_views:
            return "unseen images"
        seen = set(getattr(self, split).class_names) <= set(self.train.class_names)
        return "seen classes" if seen else "unseen classes"


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
        images: ImagesInMemory | ImageFiles = ImagesInMemory(chosen.pixels, chosen.paths)
    else:
        images = ImageFiles(chosen.root, chosen.paths, boxes)
    return Examples(images, chosen.labels, chosen.class_names, chosen.roles)
