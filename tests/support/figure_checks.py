"""What is checked of every figure."""

import io
import warnings

import numpy as np
from absl.testing import parameterized
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from evaluate import figures

DPI = 130


def visible(figure):
    """The axes that are shown."""
    return [axes for axes in figure.axes if axes.get_visible()]


def legend(figure):
    """The names in the legend below a figure."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


class FigureTestCase(parameterized.TestCase):
    def assert_is_png_of(self, figure):
        """Its file is as large as the figure says, and not blank."""
        image = Image.open(io.BytesIO(figures.to_png(figure)))
        self.assertEqual(image.format, "PNG")
        # Whole pixels of 130 to the inch.
        np.testing.assert_allclose(image.size, figure.get_size_inches() * DPI, atol=1.0)
        self.assertGreater(np.asarray(image.convert("L")).std(), 1.0)

    def assert_nothing_sticks_out(self, figure):
        canvas = FigureCanvasAgg(figure)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")  # Not every script is in the font.
            canvas.draw()
        inside = figure.bbox
        texts = [text for axes in visible(figure) for text in (axes.title, axes.xaxis.label, axes.yaxis.label)]
        for artist in (*figure.legends, *(text for text in texts if text.get_text())):
            extent = artist.get_window_extent(canvas.get_renderer())
            self.assertGreaterEqual(min(extent.x0 - inside.x0, extent.y0 - inside.y0), -1.0, artist)
            self.assertLessEqual(max(extent.x1 - inside.x1, extent.y1 - inside.y1), 1.0, artist)
