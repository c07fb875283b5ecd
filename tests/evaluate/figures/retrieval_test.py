"""Queries with what they find."""

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from evaluate import figures
from evaluate.figures.style import RIGHT, WRONG
from tests.support.figure_checks import FigureTestCase


class RetrievalsTest(FigureTestCase):
    def test_frames_marks_and_pictures(self):
        asked = []

        def thumbnail(index):
            asked.append(index)
            return np.full((4 + index, 8, 3), 10 * index, np.uint8)

        rows = [
            figures.RetrievalRow("first", 0, np.array([1, 2, 3]), np.array([True, False, True])),
            figures.RetrievalRow("second", 4, np.array([5, 6]), np.array([False, False])),
        ]
        figure = figures.draw_retrievals(rows, thumbnail)
        self.assertEqual(asked, [0, 1, 2, 3, 4, 5, 6])
        (axes,) = figure.axes
        frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        wrong, right, query = WRONG, RIGHT, "#888888"
        expected = [query, right, wrong, right, query, wrong, wrong]
        self.assertEqual([to_hex(frame.get_edgecolor()) for frame in frames], expected)
        self.assertEqual([frame.get_linestyle() == "--" for frame in frames], [color == wrong for color in expected])
        self.assertEqual([t.get_text() for t in axes.texts], ["first", "✓", "✗", "✓", "second", "✗", "✗"])
        # Each picture lies inside its frame and keeps its shape: as index + 4 is to 8.
        for index, (image, frame) in enumerate(zip(axes.images, frames)):
            left, right, bottom, top = image.get_extent()
            self.assertAlmostEqual((bottom - top) / (right - left), (index + 4) / 8)
            box = frame.get_bbox()
            self.assertTrue(box.x0 <= left + 1e-9 and right <= box.x1 + 1e-9, index)
            self.assertTrue(box.y0 <= top + 1e-9 and bottom <= box.y1 + 1e-9, index)
            self.assertEqual(image.get_array()[0, 0, 0], 10 * index)
        self.assert_is_png_of(figure)
