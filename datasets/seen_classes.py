"""Splits of a data set of which every class is trained on: images of each are held out, as queries."""

from __future__ import annotations

import dataclasses

import numpy as np

from ccp.sampling import members_by_class
from ccp.wording import counted
from datasets.examples import Examples, Splits, split_examples
from datasets.manifest import GALLERY, QUERY, TEST, TRAIN, VALIDATION, DataError, Manifest
from datasets.registry import DATA_SETS
from datasets.settings import DataSettings

_FRACTION = 0.2
_FEWEST_CLASSES = 2


def are_classes_seen(manifest: Manifest, settings: DataSettings) -> bool:
    """Whether all classes are trained on: the user's own images, none of which is of a class for test."""
    if settings.labels == "none":
        return False
    return DATA_SETS[settings.dataset].own_images and not (manifest.splits == TEST).any()


def seen_class_splits(manifest: Manifest, settings: DataSettings, seed: int) -> Splits:
    """Holds images of every class out: a fifth to select the model, and another fifth to test it.

    Both are queries, searched for in the training images, so that a class of two images is tested, too. Which images
    they are follows from the seed; see ``num_held_out`` for how many.

    Args:
      manifest: of the data set, checked; without test images.
      settings: ``validation`` may be ``auto``, ``images`` or, where there are validation images, ``given``.
      seed: of the choice of images.

    Raises:
      DataError: whole classes are to be held out, or too few classes have images to give.
    """
    validation = settings.validation
    if validation.startswith("fold"):
        raise DataError(
            f"All classes of {manifest.name} are trained on, so --validation={validation} cannot hold classes out. "
            "Leave it out: images of each class select the model. Or keep classes for test with --test_fraction."
        )
    given = validation != "images" and (manifest.splits == VALIDATION).any()
    if validation == "given" and not given:
        raise DataError(f"{manifest.name} has no validation images; leave --validation=given out.")
    if (manifest.splits == VALIDATION).any() and not given:
        raise DataError(
            f"{manifest.name} has validation images, and --validation=images would hold out others and leave those "
            "unused. Leave --validation out."
        )
    images = split_examples(manifest, TRAIN, settings.crop_to_box)
    splits = _held_out(images.labels, seed, with_validation=not (given or settings.select_on_test))
    train = np.flatnonzero(splits == TRAIN)
    test = _queries(images, np.flatnonzero(splits == TEST), train, "test")
    if settings.select_on_test:
        source = "the test images themselves, as --select_on_test asks (the scores are optimistic)"
        return Splits(images.subset(train), test, test, source, seen_classes=True)
    if given:
        own = split_examples(manifest, VALIDATION, settings.crop_to_box)
        return Splits(images.subset(train), own, test, "its own validation split", seen_classes=True)
    selecting = _queries(images, np.flatnonzero(splits == VALIDATION), train, "select the model")
    source = f"{_FRACTION:.0%} of each class's images, searched for in the training images"
    return Splits(images.subset(train), selecting, test, source, seen_classes=True)


def num_held_out(num_images: int) -> tuple[int, int]:
    """How many images of a class test and select the model: a fifth each and at least one; the rest trains.

    Of two images one tests, and a single one trains.
    """
    each = max(1, round(_FRACTION * num_images))
    return (each if num_images >= 2 else 0), (each if num_images >= 3 else 0)


def seen_class_note(manifest: Manifest) -> str:
    """A sentence about what is held out, for a data set of which all classes are trained on."""
    sizes = np.bincount(manifest.labels[manifest.splits == TRAIN])
    counts = np.array([num_held_out(size) for size in sizes[sizes > 0]])
    test, selecting = counts.sum(axis=0)
    note = (
        f"all {counted(len(counts), 'class')} are trained on, so scores will be of seen classes: "
        f"{counted(test, 'image')} held out to test the model"
    )
    if not (manifest.splits == VALIDATION).any():
        note += f", {selecting:,} to select it"
    lone = int((counts[:, 0] == 0).sum())
    return note + (f"; {counted(lone, 'class')} of a single image used in training alone" if lone else "")


def _held_out(labels: np.ndarray, seed: int, with_validation: bool) -> np.ndarray:
    """[num_images] the split of each image."""
    splits = np.full(len(labels), TRAIN, "U10")
    generator = np.random.default_rng([seed, 1])
    for members in members_by_class(labels):
        test, selecting = num_held_out(len(members))
        drawn = generator.permutation(members)
        splits[drawn[:test]] = TEST
        if with_validation:
            splits[drawn[test : test + selecting]] = VALIDATION
    return splits


def _queries(images: Examples, held_out: np.ndarray, train: np.ndarray, purpose: str) -> Examples:
    """Held-out images as queries, with the training images as the gallery."""
    classes = len(np.unique(images.labels[held_out]))
    if classes < _FEWEST_CLASSES:
        raise DataError(
            f"Holding images of seen classes out to {purpose} needs at least {_FEWEST_CLASSES} classes of "
            f"{2 if purpose == 'test' else 3} images; {classes} have as many. Add images."
        )
    chosen = images.subset(np.concatenate([held_out, train]))
    return dataclasses.replace(chosen, roles=np.repeat([QUERY, GALLERY], [len(held_out), len(train)]))
