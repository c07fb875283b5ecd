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

    def test_captions_and_lines(self):
        captions = [("0.1", "$x_1"), ("0.2", "n" * 99), ("0.3", "third")]
        row = figures.RetrievalRow("query", 0, np.array([1, 2, 3]), [None, True, False], captions)
        figure = figures.draw_retrievals([row], lambda index: np.zeros((5, 5, 3), np.uint8), 6.0, most_columns=2)
        (axes,) = figure.axes
        frames = [patch.get_bbox() for patch in axes.patches if isinstance(patch, Rectangle)]
        # The query and two answers beside each other, the third below the first answer.
        self.assertEqual({frame.y0 for frame in frames[:3]}, {frames[0].y0})
        self.assertEqual(frames[3].x0, frames[1].x0)
        texts = [text for text in axes.texts if text.get_text() not in ("query", "✓", "✗")]
        self.assertLen(texts, 6)
        self.assertEqual(
            [texts[place].get_text() for place in (0, 1, 2, 4, 5)], ["0.1", r"\$x_1", "0.2", "0.3", "third"]
        )
        self.assertLess(len(texts[3].get_text()), 40)
        for text, frame in zip(texts, np.repeat(frames[1:], 2, axis=0)):
            x, y = text.get_position()
            self.assertBetween(x, frame[0, 0], frame[1, 0])
            self.assertGreater(y, frame[1, 1])
        self.assertLess(max(text.get_position()[1] for text in texts[:4]), frames[3].y0)
        self.assertEqual([text.get_text() for text in axes.texts if text.get_text() in "✓✗"], ["✓", "✗"])
        self.assert_is_png_of(figure)
