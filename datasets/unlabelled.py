"""Splits of a data set whose training images have no labels: every image is a class, of differently augmented views."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ccp.wording import counted
from datasets.examples import Examples, Splits, split_examples
from datasets.input.formats import Augmentation
from datasets.input.views import ViewsOfImages
from datasets.manifest import TEST, TRAIN, VALIDATION, DataError, Manifest
from datasets.settings import DataSettings

_FRACTION = 0.2
_FEWEST, _MOST = 2, 1000
_VIEWS = 2


def without_labels(manifest: Manifest) -> Manifest:
    """The manifest with every training image as a class, named by its path; the other splits keep their classes."""
    names = np.array(manifest.class_names, object)[manifest.labels]
    is_train = manifest.splits == TRAIN
    names[is_train] = manifest.paths[is_train]
    class_names = tuple(dict.fromkeys(names))
    numbers = {name: label for label, name in enumerate(class_names)}
    labels = np.array([numbers[name] for name in names], np.int64)
    return dataclasses.replace(manifest, labels=labels, class_names=class_names)


def unlabelled_splits(
    manifest: Manifest, settings: DataSettings, augmentation: Augmentation, seed: int, size: int
) -> Splits:
    """Training images that are a class each, and what selects and tests the model.

    Validation and test images that the data set has keep their labels. Where it has none, a fifth of the training
    images, at least 2 and at most 1,000, is held out: two augmented views of each, that are to find each other. Which
    images these are, and the views, follow from the seed.

    Args:
      manifest: of the data set, checked, from ``without_labels``.
      settings: ``validation`` is ``auto``, ``images`` where there are no validation images, or ``given`` where there
        are.
      augmentation: how the views vary.
      seed: of the choice of images, and of the views.
      size: height and width of the views, pixels.

    Raises:
      DataError: there are too few images, or ``validation`` asks for something else.
    """
    has_validation, has_test = ((manifest.splits == split).any() for split in (VALIDATION, TEST))
    validation = settings.validation
    if (
        validation.startswith("fold")
        or (validation == "given") > has_validation
        or (validation == "images") > (not has_validation)
    ):
        raise DataError(
            f"--labels=none selects the model by {'the validation images' if has_validation else 'held-out images'} of "
            f"{manifest.name}; --validation={validation} is something else. Leave it out."
        )
    if settings.select_on_test and not has_test:
        raise DataError(f"{manifest.name} has no labelled test images; leave --select_on_test out.")
    images = split_examples(manifest, TRAIN, settings.crop_to_box)
    parts = int(not has_validation and not settings.select_on_test) + int(not has_test)
    held_out = min(max(_FEWEST, round(_FRACTION * len(images))), _MOST)
    if len(images) < parts * held_out + _FEWEST:
        raise DataError(
            f"{manifest.name} has {counted(len(images), 'training image')}, too few to hold some out. Add images."
        )
    drawn = np.random.default_rng([seed, 2]).permutation(len(images))

    def views(part: int) -> Examples:
        chosen = images.subset(np.sort(drawn[part * held_out : (part + 1) * held_out]))
        places = np.tile(np.arange(held_out), _VIEWS)
        numbers = part * _VIEWS * held_out + np.arange(len(places))
        # Typed as anything: it is opened as images are, and not taken from.
        shown: Any = ViewsOfImages(chosen.images.take(places), numbers, seed, size, augmentation)
        return dataclasses.replace(chosen, images=shown, labels=chosen.labels[places], roles=chosen.roles[places])

    train = images.subset(np.sort(drawn[parts * held_out :]))
    test = split_examples(manifest, TEST, settings.crop_to_box) if has_test else views(parts - 1)
    in_views = () if has_test else ("test",)
    if settings.select_on_test:
        source = "the test set itself, as --select_on_test asks (the scores are optimistic)"
        return Splits(train, test, test, source)
    if has_validation:
        own = split_examples(manifest, VALIDATION, settings.crop_to_box)
        return Splits(train, own, test, "its own validation split", in_views=in_views)
    source = "two augmented views of each held-out image, which are to find each other"
    return Splits(train, views(0), test, source, in_views=("validation", *in_views))
