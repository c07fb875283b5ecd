"""Colours, sizes, names and files of all figures."""

from __future__ import annotations

import contextlib
import io
import pathlib
import warnings
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from datasets.files import written_whole

# Okabe and Ito's colours, which the colour-blind can distinguish, without the two palest.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#7a5c3e", "#3b3b3b")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
RIGHT, WRONG = COLORS[0], COLORS[1]
GREY = "#c8c8c8"
# Inches. 4.6 of them on a screen of 390 points still show 10-point type at 8 points.
WIDTH, HEIGHT = 4.6, 3.4
_DPI = 130


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """An empty figure with a layout that avoids overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Axes) -> None:
    """Leaves out the upper and right border, and adds a pale grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#ececec", lw=0.8)
    axes.set_axisbelow(True)


def escaped_name(name: str) -> str:
    """A name on one line, escaped for matplotlib: $ would start a formula, a leading _ hide a legend entry."""
    escaped = " ".join(str(name).split()).replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def legend_below(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Adds a legend in as many columns as fit; the figure grows by the legend's height."""
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
        with _without_glyph_warnings():
            extent = legend.get_window_extent()
        if extent.width <= figure.bbox.width or columns == 1:
            break
        legend.remove()
    figure.set_figheight(figure.get_figheight() + extent.height / figure.dpi)


def shortened(name: str, most: int) -> str:
    """A name of at most ``most`` characters: the middle is left out, as similar names often differ at the ends."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    with _without_glyph_warnings():
        figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def save(figure: Figure, path: pathlib.Path) -> pathlib.Path:
    """Writes the figure as a PNG file, making the directory if need be; see ``written_whole``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as file:
        file.write_bytes(to_png(figure))
    return path


@contextlib.contextmanager
def _without_glyph_warnings() -> Iterator[None]:
    """Names of classes may be in any script; characters that the font lacks become boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield
