"""An embedding in TensorBoard's projector: points in 3-D, with their classes and pictures."""

from __future__ import annotations

import math
import pathlib

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector

from evaluate.embedded import Embedded
from evaluate.geometry import spread

_MAX_POINTS = 2000  # With as many pictures of 48 pixels the sprite is 2,160 pixels wide; browsers take 8,192.
_SIDE = 48
_CONFIG = "projector_config.pbtxt"


def write(logs: pathlib.Path, embedded: Embedded, name: str) -> pathlib.Path:
    """Writes vectors, metadata and a sprite of thumbnails below a TensorBoard directory, and their configuration.

    Of more than 2,000 examples those that ``spread`` picks are shown.

    Args:
      logs: the directory of the event files, where TensorBoard looks for the configuration.
      embedded: the examples.
      name: of the embedding and its folder.

    Returns:
      The configuration file.
    """
    shown = embedded.take(spread(embedded.labels, _MAX_POINTS))
    folder = logs / "projector" / name
    folder.mkdir(parents=True, exist_ok=True)
    rows = ("\t".join(f"{value:.6g}" for value in vector) for vector in shown.embeddings)
    (folder / "tensors.tsv").write_text("\n".join(rows) + "\n")
    # The first line is a heading, as there is more than one column.
    metadata = ["class\timage"]
    metadata += [f"{_plain(shown.class_names[shown.labels[i]])}\t{_plain(shown.name(i))}" for i in range(len(shown))]
    (folder / "metadata.tsv").write_text("\n".join(metadata) + "\n", errors="surrogateescape")
    _sprite(shown).save(folder / "sprite.png")

    config = projector.ProjectorConfig()
    entry = config.embeddings.add()
    entry.tensor_name = name
    entry.tensor_path, entry.metadata_path, entry.sprite.image_path = (
        str((folder / file).relative_to(logs)) for file in ("tensors.tsv", "metadata.tsv", "sprite.png")
    )
    entry.sprite.single_image_dim.extend([_SIDE, _SIDE])
    (logs / _CONFIG).write_text(text_format.MessageToString(config))
    return logs / _CONFIG


def _plain(text: str) -> str:
    """A name without the characters that separate columns and lines."""
    return " ".join(str(text).split()) or "–"


def _sprite(shown: Embedded) -> Image.Image:
    """The thumbnails row by row, in as many columns as rows."""
    columns = math.ceil(math.sqrt(len(shown)))
    sprite = Image.new("RGB", (columns * _SIDE, -(-len(shown) // columns) * _SIDE), "white")
    for index in range(len(shown)):
        thumbnail = np.ascontiguousarray(shown.thumbnail(index, _SIDE))
        picture = Image.fromarray(thumbnail)
        left, top = ((_SIDE - length) // 2 for length in picture.size)
        sprite.paste(picture, (index % columns * _SIDE + left, index // columns * _SIDE + top))
    return sprite
