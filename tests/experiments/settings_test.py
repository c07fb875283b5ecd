"""Settings: layers, checks, records."""

from __future__ import annotations

import dataclasses
import json

from absl.testing import absltest, parameterized

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from experiments.presets import preset_settings
from experiments.sections import all_hyperparameters
from experiments.settings import Settings, configure, differences, refuse_without_effect


class SettingsTest(parameterized.TestCase):
    def test_later_layers_win(self):
        settings = configure({"seed": 1, "learning_rate": 0.1}, {"seed": 2})
        self.assertEqual((settings.run.seed, settings.optimizer.learning_rate), (2, 0.1))
        self.assertEqual(settings.loop.steps_per_epoch, 25)

    def test_the_record_is_complete_and_read_back_the_same(self):
        settings = preset_settings(dataset="omniglot", loss="ccp/multi_similarity", beta=50.0)
        hyperparameters = settings.to_dict()["loss"]["hyperparameters"]
        self.assertEqual({name: hyperparameters[name] for name in ("alpha", "beta")}, {"alpha": 2.0, "beta": 50.0})
        self.assertEqual(Settings.from_dict(json.loads(json.dumps(settings.to_dict()))), settings)
        self.assertEqual(configure(settings.flat()), settings)

    @parameterized.parameters(
        ({"sede": 1}, "Unknown setting 'sede'. Did you mean seed"),
        ({"loss": "ccp/tripplet"}, "Did you mean triplet"),
        ({"loss": "cpp/triplet"}, "Unknown training method 'cpp'. Did you mean ccp"),
        ({"loss": "contrastive", "alpha": 2.0}, "it belongs to multi_similarity. Leave it out or change --loss"),
        ({"dataset": "omniglott"}, "Did you mean omniglot"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0; got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0; got nan"),
        ({"max_epochs": 2.5}, "max_epochs must be a whole number; got 2.5"),
        ({"learning_rate": "fast"}, "learning_rate must be a number; got 'fast'"),
        ({"validation": None}, "validation must be text; got None"),
        ({"loss": 3}, "loss must be text; got 3"),
        ({"loss": "triplet", "margin": "a"}, "margin must be a number; got 'a'"),
        ({"seed": -1}, "seed must be at least 0 and below 4.29497e"),
        ({"projection": "sometimes"}, "There are: plateau, period"),
        ({"monitor": "accuracy"}, "Unknown monitor 'accuracy'. There are: .*map_at_r"),
        ({"loss": "mdr/contrastive", "examples_per_class": 1}, "A batch against itself needs at least 2 classes of 2"),
        ({"loss": "xbm/contrastive", "memory_start_step": 10**6}, "The memory would never be used"),
        ({"image_size": 32, "resize_size": 16}, "resize_size 16 is below image_size 32"),
        ({"strategy": "mirrored", "jit_compile": True}, "--jit_compile is for one device"),
        ({"strategy": "multi_worker", "cache": "disk"}, "goes with --on_bad_image=stop and --cache=none"),
        ({"validation": "test"}, "makes them optimistic.*--select_on_test"),
    )
    def test_what_cannot_be_is_refused_with_the_remedy(self, settings, message):
        with self.assertRaisesRegex(ConfigError, message):
            configure(settings)

    @parameterized.parameters(
        ({"projection_period": 2}, "--projection_period only matters with --projection=period. Pass that too"),
        (
            {"loss": "contrastive", "patience": 2},
            "--patience has no effect with --loss=contrastive: it belongs to ccp/…",
        ),
        ({"data_dir": "d"}, "--data_dir only matters with --dataset=omniglot or cub or"),
    )
    def test_what_has_no_effect_is_refused(self, given, message):
        with self.assertRaisesRegex(ConfigError, message):
            refuse_without_effect(given, configure(given))
        refuse_without_effect({"seed": 1}, configure(given))

    def test_a_record_with_unknown_keys_is_refused(self):
        record = Settings().to_dict()
        record["loop"]["epochs"] = 3
        with self.assertRaisesRegex(ConfigError, "Unknown setting 'epochs'. Did you mean max_epochs"):
            Settings.from_dict(record)
        with self.assertRaisesRegex(ConfigError, "Unknown section 'looop'"):
            Settings.from_dict({"looop": {}})

    def test_every_setting_belongs_to_one_section(self):
        names = [f.name for s in dataclasses.fields(Settings) for f in dataclasses.fields(s.default)]
        self.assertLen(set(names), len(names))

    def test_hyperparameters_are_those_of_the_losses(self):
        found = all_hyperparameters()
        for loss, entry in PAIR_LOSSES.items():
            for name, described in entry.settings.items():
                self.assertEqual(found[name][loss], described)
        self.assertContainsSubset({"ccp/…", "ccp_xbm/…"}, found["batch_weight"])

    def test_where_data_are_is_no_difference(self):
        one = configure({"seed": 1, "data_dir": "here", "strategy": "mirrored"})
        other = configure({"seed": 2, "data_dir": "there", "loss": "ccp/triplet"})
        found = {name: (first, second) for name, first, second in differences(one, other)}
        expected = {"seed": (1, 2), "loss": ("ccp/contrastive", "ccp/triplet"), "margin": (None, 0.0961)}
        self.assertEqual(found, {**expected, "pos_margin": (0.0, None), "neg_margin": (0.3841, None)})

    def test_paper_defaults(self):
        # The paper's supplement: Adam 1e-5, decay 1e-4, clips 10, batch 8 × 4, 25 steps, stop after 60,
        # CCP 0.1 / 1, K 8, b 12, patience 3, λ₀ 2e-4, decay 1.
        settings = Settings()
        flat = settings.flat()
        expected = {
            "learning_rate": 1e-5,
            "weight_decay": 1e-4,
            "clip_norm": 10,
            "steps_per_epoch": 25,
            "early_stopping": 60,
            "batch_weight": 0.1,
            "proxy_weight": 1.0,
            "proxies_per_class": 8,
            "pool_size": 12,
            "patience": 3,
            "proximal_weight": 2e-4,
            "proximal_decay": 1.0,
        }
        self.assertEqual({name: flat[name] for name in expected}, expected)
        self.assertEqual(settings.batch.size, 32)


if __name__ == "__main__":
    absltest.main()
