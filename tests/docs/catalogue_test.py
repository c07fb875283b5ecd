"""docs/catalogue.md says what the registries and docstrings say."""

from __future__ import annotations

import re

from absl.testing import absltest, parameterized

from ccp.losses.registry import MINING, PAIR_LOSSES
from ccp.methods.registry import METHODS
from datasets.registry import DATA_SETS
from docs.site import catalogue, markdown
from evaluate.metrics.registry import METRICS
from models.registry import BACKBONES, POOLINGS

_PATHS = {name: entry.path for registry in (PAIR_LOSSES, METHODS) for name, entry in registry.items() if entry.path}


class CatalogueTest(parameterized.TestCase):
    def test_the_page_is_up_to_date(self):
        message = "Write it anew: python -m docs.site.catalogue"
        self.assertEqual(catalogue.PAGE.read_text(encoding="utf-8"), catalogue.page(), message)

    def test_every_entry_has_a_row(self):
        listed = set(re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\| .*", catalogue.page(), re.MULTILINE))))
        for registry in (PAIR_LOSSES, MINING, BACKBONES, POOLINGS, DATA_SETS, METRICS):
            self.assertEmpty(set(registry) - listed)
        self.assertEmpty({f"{method}/" for method in METHODS} - listed)

    @parameterized.parameters(set(_PATHS) - {"proxy"})
    def test_losses_and_methods_name_source_and_departures(self, name):
        text = markdown.described(_PATHS[name])
        self.assertRegex(text.source, r"\".+\", .*\d{4}")
        self.assertTrue(text.departs)
        self.assertLessEqual(len(text.summary), 115, "The first line is one line.")

    def test_parts_of_a_docstring(self):
        text = markdown.described("ccp.losses.lifted_structure:LiftedStructureLoss")
        self.assertEqual(
            text.summary, "Lifted structure: every positive pair against the negatives of both of its ends."
        )
        self.assertStartsWith(text.source, 'Oh Song et al., "Deep Metric Learning via Lifted Structured')
        self.assertEndsWith(text.source, "CVPR 2016, equation 4.")
        self.assertEqual(text.departs, "embeddings are normalised.")
        with self.assertRaisesRegex(LookupError, "NoLoss has no docstring"):
            markdown.described("ccp.losses.margin:NoLoss")

    def test_cells_may_hold_bars(self):
        self.assertEqual(markdown.table("a | b", [("|x|", "y")]), "| a | b |\n| --- | --- |\n| \\|x\\| | y |")


if __name__ == "__main__":
    absltest.main()
