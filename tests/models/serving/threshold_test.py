"""Thresholds in files, and what they say of distances."""

import json

import numpy as np
from absl.testing import parameterized

from models.serving.threshold import THRESHOLD_FILE, Threshold, ThresholdError, read_threshold
from tests.support import pictures

_RECORD = {"threshold": 0.5, "interval_95": [0.4, 0.6], "fmr": 1e-3}


class ThresholdTest(parameterized.TestCase):
    def write(self, text):
        folder = pictures.folder_for(self)
        (folder / THRESHOLD_FILE).write_text(text)
        return folder

    def test_below_within_and_above_the_interval(self):
        distances = np.array([[0.0, 0.39], [0.4, 0.5], [0.6, 0.61]])
        verdicts = [["same", "same"], ["unsure", "unsure"], ["unsure", "different"]]
        self.assertEqual(Threshold(0.5, 0.4, 0.6, 1e-3).verdicts(distances).tolist(), verdicts)
        self.assertEqual(Threshold(0.5, 0.4, 0.6, 1e-3).verdicts([]).tolist(), [])

    def test_reads_a_file_with_more_in_it(self):
        folder = self.write(json.dumps({**_RECORD, "test": {}}))
        self.assertEqual(read_threshold(folder), Threshold(0.5, 0.4, 0.6, 1e-3))

    def test_no_file_is_no_threshold(self):
        self.assertIsNone(read_threshold(pictures.folder_for(self)))

    @parameterized.parameters(
        ("{", "is damaged"),
        ("[]", "no threshold with its interval_95"),
        (json.dumps({**_RECORD, "interval_95": None}), "no threshold with its interval_95"),
        (json.dumps({**_RECORD, "threshold": 0.7}), "0.4 ≤ 0.7 ≤ 0.6 is no threshold"),
        (json.dumps({**_RECORD, "interval_95": [0.4, float("nan")]}), "is no threshold in its interval"),
        (json.dumps({**_RECORD, "fmr": 0}), "fmr of 0 no rate"),
    )
    def test_refuses_what_is_no_threshold(self, text, message):
        with self.assertRaisesRegex(ThresholdError, f"{THRESHOLD_FILE} cannot be used.*{message}.*main.py calibrate"):
            read_threshold(self.write(text))
