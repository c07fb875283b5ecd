"""What an example is."""

from __future__ import annotations

import dataclasses

import numpy as np

from ccp.errors import UserError


class DataError(UserError, ValueError):
    """A data set is not what it should be; the message says what was needed, what was found and what to do."""


@dataclasses.dataclass(frozen=True)
class Examples:
    """Images with their classes.

    Attributes:
      images: [num_examples, height, width, channels] uint8, as stored; preprocessing is the pipeline's.
      labels: [num_examples] int64, contiguous from 0.
      class_names: one per label.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self):
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise DataError(
                "Images must be [num_examples, height, width, channels] uint8; "
                f"got {self.images.shape} {self.images.dtype}."
            )
        if len(self.labels) != len(self.images):
            raise DataError(f"Every image needs one label; got {len(self.labels)} for {len(self.images)} images.")
        found = np.unique(self.labels)
        if not np.array_equal(found, np.arange(len(self.class_names))):
            raise DataError(
                f"Labels must be 0 … {len(self.class_names) - 1}, each used, one for each class name; "
                f"found {found[:10].tolist()}{' …' if len(found) > 10 else ''}."
            )

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.labels)

    def of_classes(self, classes: np.ndarray) -> Examples:
        """The examples of some classes, their labels renumbered from 0 in the order given."""
        chosen = np.flatnonzero(np.isin(self.labels, classes))
        renumbered = {int(old): new for new, old in enumerate(classes)}
        labels = np.array([renumbered[int(label)] for label in self.labels[chosen]], np.int64)
        return Examples(self.images[chosen], labels, tuple(self.class_names[c] for c in classes))

    def subset(self, indices: np.ndarray) -> Examples:
        """Some examples of every class, the labels as they are."""
        return Examples(self.images[indices], self.labels[indices], self.class_names)


@dataclasses.dataclass(frozen=True)
class Splits:
    """The three parts of a data set.

    Attributes:
      train: what the network is trained on.
      validation: taken from the training side; selects the model.
      test: classes that are in neither of the others; judges.
      validation_is: how the validation part was taken, for the record.
    """

    train: Examples
    validation: Examples
    test: Examples
    validation_is: str

    def __post_init__(self):
        seen = set(self.train.class_names) | set(self.validation.class_names)
        shared = sorted(seen & set(self.test.class_names))
        if shared:
            raise DataError(f"Test classes must be unseen in training; shared: {', '.join(shared[:5])}.")
