import tensorflow as tf

from ccp.training.plateau import PlateauLearningRate


class PlateauLearningRateTest(tf.test.TestCase):
    def test_lowers_after_epochs_without_improvement(self):
        script = [
            (0.5, 1.0),
            (0.5, 1.0),  # 1st without improvement.
            (0.6, 1.0),  # Improved: counting restarts.
            (0.600009, 1.0),  # 1st: by 9e-6 only.
            (0.4, 0.5),  # 2nd: halved, and counting restarts.
            (0.6, 0.5),  # 1st: the best is not forgotten.
            (0.6, 0.25),  # 2nd.
            (0.6, 0.25),
            (0.6, 0.2),  # Halved it would be 0.125: the floor.
            (0.6, 0.2),
            (0.6, 0.2),  # It stays at the floor.
            (0.7, 0.2),
        ]
        plateau = PlateauLearningRate(1.0, epochs=2, factor=0.5, min_learning_rate=0.2)
        self.assertEqual([plateau.update(score) for score, _ in script], [rate for _, rate in script])

    def test_never_raises_a_rate_below_the_floor(self):
        plateau = PlateauLearningRate(0.1, epochs=1, factor=0.5, min_learning_rate=0.2)
        self.assertEqual([plateau.update(0.5) for _ in range(3)], [0.1, 0.1, 0.1])

    def test_improvement_by_exactly_the_threshold_is_none(self):
        plateau = PlateauLearningRate(1.0, epochs=1, factor=0.5, min_learning_rate=0.0, min_improvement=0.25)
        self.assertEqual([plateau.update(score) for score in (0.5, 0.75, 0.76)], [1.0, 0.5, 0.5])
