"""Figures of several calls in one file."""

from __future__ import annotations

import json

from absl.testing import absltest

from ccp.errors import UserError
from evaluate.forms_record import FormsRecord
from tests.datasets import pictures


def _run(epochs: int = 3, met: int = 0) -> dict:
    return {"epochs": epochs, "data": {"test": {"images": 9}, "unreadable_images_left_out": met}}


class FormsRecordTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.path = pictures.folder_for(self) / "quantized.json"

    def written(self):
        return json.loads(self.path.read_text())

    def test_what_another_call_adds_meanwhile_stays(self):
        one, other = FormsRecord(self.path), FormsRecord(self.path)
        one.claim(_run())
        one.add("float32", {"size": 4}, _run())
        other.claim(_run())
        other.add("tflite", {"size": 3}, _run())
        one.add("float16", {"size": 2}, _run())
        self.assertEqual(self.written(), {**_run(), "forms": one.forms})
        # In the order of all kinds, whichever came first.
        self.assertEqual(list(one.forms), ["float32", "float16", "tflite"])
        self.assertEqual([figures["size"] for figures in one.forms.values()], [4, 2, 3])

    def test_what_another_run_adds_meanwhile_is_not_mixed_with(self):
        one, other = FormsRecord(self.path), FormsRecord(self.path)
        one.claim(_run())
        other.add("float32", {}, _run(epochs=4))
        before = self.written()
        with self.assertRaisesRegex(UserError, r"figures of another run, or .* \(epochs differ\)"):
            one.add("float16", {}, _run())
        self.assertEqual(self.written(), before)

    def test_images_that_are_met_later_make_no_other_run(self):
        record = FormsRecord(self.path)
        record.claim(_run())
        record.add("float32", {}, _run(met=2))
        self.assertEqual(self.written()["data"]["unreadable_images_left_out"], 2)
        FormsRecord(self.path).claim(_run())
        fewer = _run()
        fewer["data"]["test"]["images"] = 8
        with self.assertRaisesRegex(UserError, r"\(data differ\)"):
            FormsRecord(self.path).claim(fewer)
