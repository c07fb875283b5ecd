"""Averages of weights: the numbers, which weights are used for what, and what is kept."""

import os

import numpy as np
import pytest
import tensorflow as tf

from ccp.training.weight_average import WeightAverage
from tests.support.toy_training import EagerTest, Watcher, toy_settings, toy_trainer


def test_update_is_an_exponential_average_with_a_ramp():
    weight, other = tf.Variable([3.0, 1.0]), tf.Variable(5.0)
    average = WeightAverage([weight], decay=0.4)
    weight.assign([1.0, 1.0])
    average.start()
    expected = np.array([1.0, 1.0])
    for step, value in enumerate([2.0, 4.0, 3.0, -1.0, 7.0, 0.5], start=1):
        weight.assign([value, 1.0])
        average.update()
        decay = min(0.4, (1 + step) / (10 + step))  # 2/11, 3/12, …, 0.4 from the 5th on.
        expected = decay * expected + (1 - decay) * np.array([value, 1.0])
        np.testing.assert_allclose(average.value_of(weight), expected, rtol=1e-6)
    assert average.value_of(weight).numpy()[1] == 1.0  # What does not change stays to the bit.
    assert average.value_of(other) is other


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_variables_of_other_types(dtype):
    weight = tf.Variable(1.0, dtype=dtype)
    average = WeightAverage([weight], decay=0.0)
    weight.assign(tf.cast(3.0, dtype))
    average.update()
    assert (average.value_of(weight).dtype, float(average.value_of(weight))) == (dtype, 3.0)


def test_in_place_puts_back_what_was_there_also_after_an_error():
    weight = tf.Variable(1.0)
    average = WeightAverage([weight], 0.5)
    weight.assign(3.0)
    with average.in_place():
        assert float(weight) == 1.0
    assert float(weight) == 3.0
    with pytest.raises(KeyboardInterrupt), average.in_place():
        raise KeyboardInterrupt
    assert (float(weight), float(average.value_of(weight))) == (3.0, 1.0)


class TrainerTest(EagerTest):
    """A CCP training that projects after its second epoch, with weights averaged or not."""

    def trained(self, scores=(0.5, 0.4, 0.6), **more):
        def look():
            return [v.numpy() for v in trainer.model.trainable_variables]

        validated = []

        def validate():
            validated.append(look())
            return {"map_at_r": scores[len(validated) - 1]}

        watcher = Watcher(look)
        settings = toy_settings(max_epochs=len(scores), **more)
        trainer = toy_trainer(settings, validate=validate, callbacks=[watcher])
        start = look()
        trainer.fit()
        return trainer, [start, *watcher.seen[1:]], validated

    def test_averages_are_validated_kept_and_the_anchor_and_weights_take_the_steps(self):
        trainer, steps, validated = self.trained(ema_decay=0.3, proximal_weight=0.0)
        plain, plain_steps, _ = self.trained(proximal_weight=0.0)
        # Without a pull towards the anchor, averaging changes no step.
        self.assertEqual(trainer.projections.schedule.projections, plain.projections.schedule.projections)
        self.assertEqual(trainer.projections.schedule.projections, 1)
        for one, other in zip(steps, plain_steps):
            for ours, theirs in zip(one, other):
                self.assertAllEqual(ours, theirs)
        average, by_epoch = steps[0], []
        for step, weights in enumerate(steps[1:], start=1):
            decay = min(0.3, (1 + step) / (10 + step))
            average = [decay * old + (1 - decay) * new for old, new in zip(average, weights)]
            by_epoch += [average] if step % 3 == 0 else []
        for seen, expected in zip(validated, by_epoch):
            for ours, theirs in zip(seen, expected):
                self.assertAllClose(ours, theirs, rtol=1e-4, atol=1e-6)
        for variable, expected in zip(trainer.model.trainable_variables, by_epoch[2]):  # The best, and what is left.
            self.assertAllClose(variable, expected, rtol=1e-4, atol=1e-6)
        for variable, expected in zip(trainer.model.trainable_variables, by_epoch[0]):  # The best of the first problem.
            self.assertAllClose(trainer.projections.projector.anchor.of(variable), expected, rtol=1e-4, atol=1e-6)
        self.assertNotAllClose(by_epoch[2][-1], steps[-1][-1], rtol=1e-3)

    def test_begins_with_the_weights_that_are_loaded(self):
        trainer = toy_trainer(
            toy_settings("contrastive", max_epochs=1, ema_decay=0.9),
            initialize=lambda: trainer.model.layers[-1].kernel.assign_add(tf.ones([12, 8])),
            checkpoints=os.path.join(self.get_temp_dir(), "loaded"),
        )
        before = trainer.model.layers[-1].kernel.numpy()
        kept = []
        save = trainer.state.checkpoints.save
        trainer.state.checkpoints.save = lambda: (
            kept.append(trainer.state.average.value_of(trainer.model.layers[-1].kernel).numpy()),
            save(),
        )
        trainer.fit()
        self.assertAllEqual(kept[0], before + 1.0)


if __name__ == "__main__":
    tf.test.main()
