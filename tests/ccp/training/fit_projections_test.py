"""Proxies from one ``fit`` to the next, and what is said of projections."""

from __future__ import annotations

import contextlib
import io

import tensorflow as tf
from absl.testing import parameterized

import ccp
from ccp.errors import ConfigError
from tests.support.fitted_model import CLASSES, IMAGES, SIZE, Projections, batches, compiled, fitted
from tests.support.toy_training import EagerTest


class FitProjectionsTest(EagerTest):
    @parameterized.parameters(0, 2)
    def test_a_line_for_each_projection_if_verbose(self, verbose):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            fitted(compiled(), callbacks=[ccp.ProjectEveryEpochs(1, proximal_weight=0.5)], verbose=verbose)
        lines = [line for line in printed.getvalue().splitlines() if line.startswith("Projection")]
        expected = [f"Projection {t}: new proxies from training images, proximal weight 0.5" for t in (1, 2)]
        self.assertEqual(lines, expected if verbose else [])

    def test_the_proxies_start_once_and_without_a_projecting_callback_a_warning_is_logged_once(self):
        model, seen = compiled(), Projections()
        with self.assertLogs("ccp", "WARNING") as logs:
            fitted(model, epochs=1, callbacks=[seen])
            fitted(model, epochs=1, callbacks=[seen])
        self.assertLen(logs.output, 1)
        self.assertIn("Pass ccp.ProjectOnPlateau() or ccp.ProjectEveryEpochs(n)", logs.output[0])
        self.assertEqual([projection.index for projection in seen.seen], [0])
        self.assertAllEqual(seen.proxies[0], seen.seen[0].proxies)
        fitted(model, epochs=2, callbacks=[ccp.ProjectEveryEpochs(1), seen])
        fitted(model, epochs=2, callbacks=[ccp.ProjectEveryEpochs(1, proximal_decay=0.5), seen])
        self.assertEqual([projection.index for projection in seen.seen], [0, 1, 2])
        self.assertNear(seen.seen[-1].proximal_weight, 2e-4 * 0.5**2, 1e-10)

    def test_the_proximal_anchor_is_none_of_the_models_weights(self):
        model, other = compiled(), compiled()
        for one in (model, other):
            one(IMAGES)
        fitted(model, epochs=1, callbacks=[ccp.ProjectEveryEpochs(1)])
        other.set_weights(model.get_weights())
        self.assertAllEqual(other.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))

    def test_proxies_of_other_classes(self):
        few = ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(3, 2, SIZE))
        with self.assertRaisesRegex(ConfigError, "for the labels 0 to 2"):
            compiled(few).fit(batches(), callbacks=[ccp.ProjectEveryEpochs(1)], verbose=0)

    def test_proxies_of_another_size(self):
        loss = ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(CLASSES, 2, SIZE + 1))
        with self.assertRaisesRegex(ConfigError, "gives 3 dimensions, and ClassProxies was made with embedding_size=4"):
            compiled(loss).fit(batches(), callbacks=[ccp.ProjectEveryEpochs(1)], verbose=0)


if __name__ == "__main__":
    tf.test.main()
