import math
import os

import tensorflow as tf

from ccp.projection.schedule import ProjectionSchedule
from ccp.training.plateau import PlateauLearningRate
from ccp.training.progress import Progress, SavedAsJson


class ProgressTest(tf.test.TestCase):
    def test_steps_and_epochs(self):
        progress = Progress()
        for loss in (1.0, 2.0, 6.0):
            progress.count_step()
            progress.loss_sum += loss
            progress.learning_rate_sum += 0.5
        self.assertEqual((progress.epoch, progress.step, progress.total_steps), (0, 3, 3))
        logs = progress.close_epoch({"map_at_r": 0.5}, learning_rate=0.1)
        expected = {"step": 3, "loss": 3.0, "map_at_r": 0.5, "learning_rate": 0.1}  # (1 + 2 + 6)/3.
        self.assertEqual(logs, expected)
        self.assertEqual(progress.last_logs, expected)
        self.assertEqual((progress.epoch, progress.step, progress.total_steps), (1, 0, 3))
        self.assertEqual(progress.learning_rate_sum, 1.5)  # Until it is known whether a projection follows.
        progress.count_step()
        progress.loss_sum += 4.0
        logs = progress.close_epoch({"map_at_r": 0.6})
        self.assertEqual((progress.epoch, logs["step"], logs["loss"]), (2, 4, 4.0))  # Not 13/4.

    def test_best_score(self):
        progress, found = Progress(), []
        for score in (0.5, 0.500009, 0.4, 0.6, 0.6):
            found.append(progress.count_score(score, min_improvement=1e-5))
            progress.close_epoch({})
        self.assertEqual(found, [True, False, False, True, False])
        self.assertEqual((progress.best_score, progress.best_epoch), (0.6, 4))
        self.assertEqual(progress.epochs_without_improvement, 1)

    def test_an_epoch_without_steps_has_a_loss_of_0(self):
        self.assertEqual(Progress().close_epoch({})["loss"], 0.0)


class SavedAsJsonTest(tf.test.TestCase):
    def round_trip(self, saved, restored):
        path = tf.train.Checkpoint(progress=saved).write(os.path.join(self.get_temp_dir(), "progress"))
        tf.train.Checkpoint(progress=restored).read(path).assert_consumed()

    def test_all_states_come_back_in_place_and_exactly(self):
        progress = Progress(epoch=3, step=2, total_steps=2**40, loss_sum=0.1 + 0.2, best_score=1 / 3, finished=True)
        progress.last_logs = {"step": 3, "loss": 1e-300, "projected": False}
        schedule = ProjectionSchedule("period", period=7, best_score=math.nextafter(0.5, 1), epochs_in_problem=4)
        plateau = PlateauLearningRate(1e-4 / 3, 4, 0.5, 1e-6, epochs_without_improvement=2)
        others = Progress(), ProjectionSchedule("period", period=7), PlateauLearningRate(1.0, 4, 0.5, 1e-6)
        self.round_trip(SavedAsJson(progress, schedule, plateau), SavedAsJson(*others))
        self.assertEqual(others, (progress, schedule, plateau))  # Dataclasses are equal if all their fields are.

    def test_settings_are_those_of_the_resumed_training(self):
        saved = (
            ProjectionSchedule("period", 4, 7, 0.1, 0.2, best_score=0.5),
            PlateauLearningRate(1e-4, 4, 0.5, 1e-6, 0.1),
        )
        given = ProjectionSchedule("plateau", 2, 3, 0.4, 0.5), PlateauLearningRate(1.0, 2, 0.9, 1e-3, 0.3)
        self.round_trip(SavedAsJson(*saved), SavedAsJson(*given))
        expected = ProjectionSchedule("plateau", 2, 3, 0.4, 0.5, best_score=0.5)
        self.assertEqual(given, (expected, PlateauLearningRate(1e-4, 2, 0.9, 1e-3, 0.3)))

    def test_infinity(self):
        restored = Progress(best_score=0.9)
        self.round_trip(SavedAsJson(Progress()), SavedAsJson(restored))
        self.assertEqual(restored.best_score, -math.inf)
