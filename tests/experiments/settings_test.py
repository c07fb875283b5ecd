"""Settings: layers, checks, records."""

from __future__ import annotations

import dataclasses
import json

from absl.testing import absltest, parameterized

from ccp.errors import ConfigError
from experiments.presets import preset_settings
from experiments.settings import Settings, configure, difference_phrases, refuse_without_effect


class SettingsTest(parameterized.TestCase):
    def test_later_layers_win(self):
        settings = configure({"seed": 1, "learning_rate": 0.1}, {"seed": 2})
        self.assertEqual((settings.run.seed, settings.optimizer.learning_rate), (2, 0.1))
        self.assertEqual(settings.loop.steps_per_epoch, 25)

    def test_the_record_is_complete_and_read_back_the_same(self):
        settings = preset_settings(dataset="omniglot", loss="ccp/multi_similarity", beta=50.0)
        self.assertEqual((settings.flat()["alpha"], settings.flat()["beta"]), (2.0, 50.0))
        self.assertEqual(configure(json.loads(json.dumps(settings.flat()))), settings)

    def test_a_sum_and_the_hyperparameters_of_its_terms_are_recorded(self):
        loss = "ccp/contrastive + 0.50*proxy/proxy_anchor+2*triplet"
        settings = preset_settings(dataset="cars196", loss=loss, **{"margin@3": 0.2, "scale@2": 16.0})
        flat = settings.flat()
        self.assertEqual(flat["loss"], "ccp/contrastive+0.5*proxy/proxy_anchor+2*triplet")
        shown = [flat[name] for name in ("pos_margin", "margin@2", "margin@3", "scale")]
        self.assertEqual(shown, [0.2652, 0.1, 0.2, 16])
        self.assertEqual((flat["proxies_per_class@1"], flat["proxies_per_class@2"]), (8, 1))
        self.assertEqual(flat["examples_per_class"], 4)  # Not all terms are proxy losses.
        self.assertEqual(preset_settings(dataset="cub", loss="proxy_anchor+softmax").batch.examples_per_class, 4)
        self.assertEqual(preset_settings(dataset="cub", loss="proxy_anchor+proxy_nca").batch.examples_per_class, 1)
        self.assertEqual(configure(json.loads(json.dumps(flat))), settings)
        in_effect = settings.in_effect()
        self.assertIn("patience", in_effect["projection"])
        self.assertIn("proxy_rate_multiplier", in_effect["gradients"])

    def test_mining_of_a_term_decides_about_its_own_margin(self):
        given = {"loss": "triplet+2*contrastive", "mining@2": "semi_hard", "mining_margin@2": 0.3}
        settings = configure(given)
        refuse_without_effect(given, settings)
        self.assertIn("mining_margin@2", settings.in_effect()["loss"])
        self.assertNotIn("mining_margin@1", settings.in_effect()["loss"])
        with self.assertRaisesRegex(ConfigError, "--mining_margin@1 only matters with --mining="):
            refuse_without_effect(["mining_margin@1"], settings)

    @parameterized.parameters(
        ({"loss": "triplet+proxy_anchor", "margin": 0.1}, "--margin could be that of several terms of --loss="),
        ({"loss": "triplet+proxy_anchor", "base": 0.1}, "base has no effect with .*it belongs to multi_similarity"),
        ({"loss": "triplet+proxy_anchor", "margin@2": -3.0}, "margin@2 must be"),
        ({"loss": "triplet+softmax", "examples_per_class": 1}, "A batch against itself needs at least 2 classes of 2"),
        ({"loss": "triplet+xbm/contrastive", "memory_start_step": 10**6}, "The memory would never be used"),
        ({"loss": "ccp/triplet", "proxy_start_epoch": 9, "max_epochs": 9}, "There would never be proxies"),
        (
            {"loss": "ccp/triplet", "proxy_start_epoch": 9, "examples_per_class": 1},
            "A batch against itself needs at least",
        ),
        ({"sede": 1}, "Unknown setting 'sede'. Did you mean seed"),
        ({"loss": "ccp/tripplet"}, "Did you mean triplet"),
        ({"loss": "cpp/triplet"}, "Unknown training method 'cpp'. Did you mean ccp"),
        ({"loss": "contrastive", "alpha": 2.0}, "it belongs to multi_similarity. Leave it out or change --loss"),
        ({"dataset": "omniglott"}, "Did you mean omniglot"),
        ({"max_epochs": 2.5}, "max_epochs must be a whole number; got 2.5"),
        ({"loss": "triplet", "margin": "a"}, "margin must be a number; got 'a'"),
        ({"projection": "sometimes"}, "There are: plateau, period"),
        ({"monitor": "accuracy"}, "Unknown monitor 'accuracy'. There are: .*map_at_r"),
        ({"loss": "mdr/contrastive", "examples_per_class": 1}, "A batch against itself needs at least 2 classes of 2"),
        ({"loss": "xbm/contrastive", "memory_start_step": 10**6}, "The memory would never be used"),
        ({"loss": "memvir/proxy_nca", "virtual_start_step": 10**6}, "There would never be a virtual class"),
        ({"image_size": 32, "resize_size": 16}, "resize_size 16 is below image_size 32"),
        ({"backbone": "resnet50", "resize_size": 100}, "resize_size 100 is below image_size 224"),
        ({"learning_rate_schedule": "cosine", "max_epochs": 30}, "Pass --cosine_epochs=30"),
        ({"strategy": "mirrored", "jit_compile": True}, "--jit_compile is for one device"),
        ({"strategy": "multi_worker", "cache": "disk"}, "goes with --on_bad_image=stop and --cache=none"),
        ({"validation": "test"}, "makes them optimistic.*--select_on_test"),
    )
    def test_what_cannot_be_is_refused_with_the_remedy(self, settings, message):
        with self.assertRaisesRegex(ConfigError, message):
            configure(settings)

    def test_presets_of_ccp_do_not_limit_other_losses(self):
        configure({"loss": "proxy_anchor", "examples_per_class": 1, "proxy_start_epoch": 5, "max_epochs": 3})

    @parameterized.parameters(
        ({"projection_period": 2}, "--projection_period only matters with --projection=period. Pass that too"),
        (
            {"loss": "contrastive", "patience": 2},
            "--patience has no effect with --loss=contrastive: it belongs to ccp/…",
        ),
        (
            {"mining": "hard", "mining_margin": 0.2},
            "--mining_margin only matters with --mining=multi_similarity or semi",
        ),
        ({"data_dir": "d"}, "--data_dir only matters with --dataset=omniglot or cub or"),
    )
    def test_what_has_no_effect_is_refused(self, given, message):
        with self.assertRaisesRegex(ConfigError, message):
            refuse_without_effect(given, configure(given))
        refuse_without_effect({"seed": 1}, configure(given))

    def test_a_hyperparameter_without_effect_is_not_among_what_is_in_effect(self):
        self.assertNotIn("mining_margin", configure({"mining": "hard"}).in_effect()["loss"])
        self.assertIn("mining_margin", configure({"mining": "semi_hard"}).in_effect()["loss"])

    def test_every_setting_belongs_to_one_section(self):
        names = [f.name for s in dataclasses.fields(Settings) for f in dataclasses.fields(s.default)]
        self.assertLen(set(names), len(names))

    def test_differences_are_those_that_a_resumed_run_must_share(self):
        one = configure({"seed": 1, "data_dir": "here", "strategy": "mirrored", "loss": "contrastive"})
        other = configure({"seed": 2, "data_dir": "there", "loss": "triplet"})
        found = difference_phrases(one, other, "there", "here")
        changed = ["loss is contrastive there and triplet here", "seed is 1 there and 2 here"]
        theirs = ["pos_margin is 0.0 there and None here", "neg_margin is 0.3841 there and None here"]
        self.assertCountEqual(found, [*changed, *theirs, "margin is None there and 0.0961 here"])


if __name__ == "__main__":
    absltest.main()
