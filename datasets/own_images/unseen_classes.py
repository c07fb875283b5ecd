"""Which classes are for test, where the user's data do not say."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence

from datasets.manifest import DataError

_FEWEST = 2  # With a single class there is nothing to distinguish.
_NUMBER = re.compile("([0-9]+)")


def natural_order(names: Collection[str]) -> list[str]:
    """Names sorted with the numbers in them as numbers: class2 before class10."""
    return sorted(names, key=lambda name: (_natural(name), name))


def test_classes(name: str, class_names: Sequence[str], test_fraction: float) -> frozenset[str]:
    """The classes at the end that are for test.

    Args:
      name: of the data set, for messages.
      class_names: every class, in order.
      test_fraction: how many of them to take, rounded to the nearest, halves up; 0 takes none.

    Raises:
      DataError: there is no class, or fewer than two would be left for training or test.
    """
    if not class_names:
        raise DataError(
            f"{name}: no images of any class. Make one folder of images for each class, or list images in a CSV file."
        )
    if test_fraction == 0:
        return frozenset()
    num_test = math.floor(len(class_names) * test_fraction + 0.5)
    num_train = len(class_names) - num_test
    if min(num_train, num_test) < _FEWEST:
        raise DataError(
            f"{name}: training and test need {_FEWEST} classes each; --test_fraction={test_fraction:g} of "
            f"{len(class_names)} leaves {num_train} to train on and {num_test} for test. Add classes, change it, or "
            "train on all classes and evaluate on other images of them: --test_fraction=0."
        )
    return frozenset(class_names[num_train:])


def _natural(name: str) -> list[str | tuple[int, str]]:
    """Texts and numbers in turn; a number as its length and digits, which compare like it at any length."""
    parts = _NUMBER.split(name)
    digits = [part.lstrip("0") for part in parts[1::2]]
    parts[1::2] = [(len(number), number) for number in digits]
    return parts


def refuse_test_images(name: str) -> None:
    """Raises a DataError: there are test images, and all classes are to be trained on."""
    raise DataError(
        f"{name} has test images, and --test_fraction=0 trains on all classes and holds images of each out by itself. "
        "Leave it out, or make the test images training images."
    )
