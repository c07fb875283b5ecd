"""How many images the classes of a data set have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from datasets.manifest import GALLERY, QUERY, TRAIN, Manifest

_NAMED = 3


def class_size_table(manifest: Manifest) -> str:
    """By split, the images per class: fewest, median and most, and the names of the smallest and largest classes."""
    lines = [f"{'images per class':<16}" + "".join(f"{title:>8}" for title in ("min", "median", "max"))]
    names = []
    for split, sizes in _class_sizes(manifest).items():
        counts = np.array(list(sizes.values()))
        lines.append(f"{split:<16}{counts.min():>8,}{np.median(counts):>8,.6g}{counts.max():>8,}")
        ordered = sorted(sizes, key=sizes.__getitem__)  # Of equal sizes the first class comes first.
        largest = sorted(sizes, key=lambda label: -sizes[label])
        if len(sizes) <= 2 * _NAMED:
            names.append(f"{split}, by size: {_listed(manifest, ordered, sizes)}")
        else:
            names.append(f"{split}, smallest: {_listed(manifest, ordered[:_NAMED], sizes)} …")
            names.append(f"{split}, largest: {_listed(manifest, largest[:_NAMED], sizes)} …")
    return "\n".join([*lines, *names])


def lone_class_notes(manifest: Manifest) -> list[str]:
    """A sentence for each split with classes of which an image has no other to be compared with."""
    notes, by_split = [], _class_sizes(manifest)
    for split, sizes in by_split.items():
        if split == GALLERY:
            continue
        if split == QUERY:
            lone = [label for label in sizes if label not in by_split.get(GALLERY, {})]
            what, effect = "have no gallery image", "Their queries have nothing to find, so they are not scored"
        else:
            lone = [label for label, count in sizes.items() if count == 1]
            what = "have a single image"
            effect = "It has no positive" if split == TRAIN else "It has nothing to find, so it is not scored"
        if lone:
            named = ", ".join(manifest.class_names[label] for label in lone[:_NAMED]) + " …" * (len(lone) > _NAMED)
            notes.append(f"{len(lone):,} of {len(sizes):,} {split} classes {what}: {named}. {effect}; add images.")
    return notes


def _listed(manifest: Manifest, labels: Sequence[int], sizes: Mapping[int, int]) -> str:
    return ", ".join(f"{manifest.class_names[label]} ({sizes[label]:,})" for label in labels)


def _class_sizes(manifest: Manifest) -> dict[str, dict[int, int]]:
    """By split, as ``Manifest.counts`` has them, the number of images of each of its labels."""
    return {
        split: dict(zip(*(column.tolist() for column in np.unique(manifest.labels[members], return_counts=True))))
        for split, members in manifest.members().items()
    }
