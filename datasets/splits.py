"""What is held out of the training side to select the model."""

from __future__ import annotations

import numpy as np

from datasets.manifest import DataError, Examples, Splits

NUM_FOLDS = 4
HELD_OUT_FRACTION = 0.2


def split(train_side: Examples, test: Examples, validation: str, seed: int) -> Splits:
    """Splits the training side in two.

    Args:
      train_side: all examples of the training classes.
      test: examples of unseen classes.
      validation: ``images`` holds out a fifth of every class's images; ``fold1`` … ``fold4`` hold out the
        classes of a quarter, as in the 4-fold protocol (MLRC).
      seed: of the choice of images.
    """
    if validation == "images":
        held_out = held_out_images(train_side.labels, HELD_OUT_FRACTION, seed)
        return Splits(
            train_side.subset(np.flatnonzero(~held_out)),
            train_side.subset(np.flatnonzero(held_out)),
            test,
            f"{HELD_OUT_FRACTION:.0%} of each training class's images",
        )
    fold = int(validation[len("fold") :])
    train_classes, held_out_classes = fold_classes(train_side.num_classes, fold)
    if len(held_out_classes) < 2:
        raise DataError(
            f"Fold {fold} of {train_side.num_classes} classes holds out {len(held_out_classes)}: retrieval among one "
            "class is always perfect. Use --validation=images."
        )
    return Splits(
        train_side.of_classes(train_classes),
        train_side.of_classes(held_out_classes),
        test,
        f"classes of quarter {NUM_FOLDS - fold + 1} of {NUM_FOLDS} of the training classes",
    )


def fold_classes(num_classes: int, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation classes of a fold, in label order.

    The classes are cut in 4 at floor(linspace(0, num_classes, 5)); fold f (1 … 4) validates on quarter
    4 − f, counted from 0.

    Raises:
      DataError: there are fewer than 4 classes, or no such fold.
    """
    if not 1 <= fold <= NUM_FOLDS or num_classes < NUM_FOLDS:
        raise DataError(f"Fold {fold} of {num_classes} classes: needs a fold from 1 to 4 and at least 4 classes.")
    cuts = np.floor(np.linspace(0, num_classes, NUM_FOLDS + 1)).astype(int)
    quarter = NUM_FOLDS - fold
    held_out = np.arange(cuts[quarter], cuts[quarter + 1])
    return np.setdiff1d(np.arange(num_classes), held_out), held_out


def held_out_images(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """[num_examples] bool: ``fraction`` of every class's images, at least 2 of each and never all.

    Raises:
      DataError: a class has fewer than 3 images.
    """
    held_out = np.zeros(len(labels), bool)
    generator = np.random.default_rng([seed, 0])
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 3:
            raise DataError(f"Class {label} has {len(members)} images; holding images out needs at least 3 of each.")
        count = min(max(2, round(fraction * len(members))), len(members) - 1)
        held_out[generator.permutation(members)[:count]] = True
    return held_out
