"""Training steps per second by network and by loss, CCP beside its base loss."""

from __future__ import annotations

import tensorflow as tf

from benchmarks.figures import FigureBenchmark
from benchmarks.timing import ratio, take_turns
from benchmarks.training_step import step_of, step_trainer
from models.registry import BACKBONES

ROUNDS = {"conv4": 30, "resnet20": 20, "bn_inception": 5, "resnet50": 4, "efficientnet_b0": 5}
SIZES = {"conv4": 64}  # Of the others: the registry's.
BASE_LOSSES = ("cosine_contrastive", "contrastive", "triplet", "multi_similarity")
OTHERS = ("margin", "proxy_anchor", "soft_triple", "xbm/contrastive", "hpl/proxy_anchor", "mdr/triplet")


class BackbonesBenchmark(FigureBenchmark):
    def benchmark_backbones(self):
        for backbone, rounds in ROUNDS.items():
            self._compare(backbone, rounds, ("contrastive",))

    def benchmark_losses(self):
        self._compare("conv4", ROUNDS["conv4"], BASE_LOSSES[2:] + BASE_LOSSES[:1], OTHERS)

    def _compare(self, backbone, rounds, base_losses, others=()):
        size = SIZES.get(backbone, BACKBONES[backbone].size)
        losses = [loss for base in base_losses for loss in (base, f"ccp/{base}")] + list(others)
        sides = {loss: step_of(step_trainer(loss, size, backbone)) for loss in losses}
        times = take_turns(sides, rounds, warm_up=2)
        for loss in losses:
            self.record_rate(f"steps of {loss}, {backbone} at {size} × {size}", times[loss].wall)
        for base in base_losses:
            name = f"step of ccp/{base}, {backbone} at {size} × {size}"
            self.record_ratio(name, f"a step of {base}", ratio(times[f"ccp/{base}"].wall, times[base].wall))


if __name__ == "__main__":
    tf.test.main()
