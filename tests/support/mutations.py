"""Image files, and damage to them."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from tests.support import pictures, reading

_HEADER = 64
_LONGEST_RUN = 40


def small_files() -> dict[str, bytes]:
    """Files of a few hundred to a few thousand bytes, by kind."""

    def file(mode, file_format, **options):
        picture = pictures.photograph(mode)
        return pictures.file_of(picture.resize((29, 21), Image.Resampling.NEAREST), file_format, **options)

    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [pictures.photograph("L").resize((29, 21)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    return {
        "JPEG": file("RGB", "JPEG"),
        "JPEG progressive": file("RGB", "JPEG", progressive=True),
        "JPEG Exif": file("RGB", "JPEG", exif=exif, subsampling=0),
        "JPEG grey": file("L", "JPEG", restart_marker_blocks=1),
        "JPEG CMYK": file("CMYK", "JPEG"),
        "PNG": file("RGB", "PNG"),
        "PNG palette": file("P", "PNG"),
        "PNG 1 bit": file("1", "PNG"),
        "PNG alpha": file("RGBA", "PNG"),
        "PNG 16 bits": reading.png(4, 5, 16, 2, [bytes(range(row, row + 30)) for row in range(4)]),
        "GIF": file("P", "GIF"),
        "GIF animated": file("L", "GIF", save_all=True, append_images=frames),
        "BMP": file("RGB", "BMP"),
        "BMP alpha": file("RGBA", "BMP"),
        "BMP palette": file("P", "BMP"),
        "WebP": file("RGB", "WEBP"),
        "WebP lossless": file("RGBA", "WEBP", lossless=True),
        "TIFF": file("RGB", "TIFF", compression="tiff_lzw"),
    }


def mutated(file: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """A file with one kind of damage; ``others`` lend it their headers."""
    changed = bytearray(file)
    place = int(rng.integers(len(changed)))
    kind = rng.integers(7)
    if kind == 0:
        for index in rng.integers(len(changed), size=rng.integers(1, 4)):
            changed[index] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        other = int(rng.integers(len(changed)))
        changed[place], changed[other] = changed[other], changed[place]
    elif kind == 2:
        changed[place:place] = rng.bytes(int(rng.integers(1, _LONGEST_RUN)))
    elif kind == 3:
        del changed[place : place + int(rng.integers(1, _LONGEST_RUN))]
    elif kind == 4:
        changed[place % _HEADER] = int(rng.choice([0, 1, 127, 128, 255]))
    elif kind == 5:
        at = place % _HEADER
        changed[at : at + 4] = struct.pack(
            rng.choice(["<i", ">i"]), rng.choice([-(2**31), -1, 0, 2**16 - 1, 2**31 - 1])
        )
    else:
        end = int(rng.integers(1, _HEADER))
        changed[:end] = others[rng.integers(len(others))][:end]
    return bytes(changed)
