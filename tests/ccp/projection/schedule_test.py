"""When to project: scripted scores, with the decisions that follow worked out beside them."""

import tensorflow as tf
from absl.testing import parameterized

from ccp.projection.schedule import ProjectionSchedule

IMPROVED, NOT, PROJECT = (True, False), (False, False), (False, True)
IMPROVED_AND_PROJECT = (True, True)


def decisions(schedule, scores):
    return [tuple(schedule.update(score)) for score in scores]


class PlateauTest(parameterized.TestCase, tf.test.TestCase):
    def test_projects_after_patience_epochs_without_improvement(self):
        script = [
            (0.50, IMPROVED),  # Anything beats −∞.
            (0.60, IMPROVED),
            (0.60, NOT),  # 1st epoch without: equal is not better.
            (0.55, NOT),  # 2nd.
            (0.70, IMPROVED),  # Counting restarts.
            (0.69, NOT),
            (0.69, NOT),
            (0.70, PROJECT),  # 3rd in a row; 0.70 is forgotten.
            (0.10, IMPROVED),  # Best of the new problem.
            (0.05, NOT),
            (0.20, IMPROVED),
            (0.20, NOT),
            (0.20, NOT),
            (0.20, PROJECT),
            (0.00, IMPROVED),  # A score of 0 too beats none.
        ]
        schedule = ProjectionSchedule(patience=3)
        self.assertEqual(decisions(schedule, [s for s, _ in script]), [d for _, d in script])
        self.assertEqual(schedule.projections, 2)

    def test_patience_of_1(self):
        # Each problem: one epoch that is its best, one that is not.
        self.assertEqual(decisions(ProjectionSchedule(patience=1), [0.5] * 4), [IMPROVED, PROJECT] * 2)

    def test_improvement_is_more_than_1e_5_over_the_best(self):
        script = [
            (0.600000, IMPROVED),
            (0.600009, NOT),  # By 9e-6.
            (0.600012, IMPROVED),  # By 1.2e-5 over the best, which is still 0.6, though by 3e-6 over the last score.
            (0.600021, NOT),  # By 9e-6 over 0.600012.
            (0.600023, IMPROVED),  # By 1.1e-5.
        ]
        self.assertEqual(decisions(ProjectionSchedule(), [s for s, _ in script]), [d for _, d in script])

    def test_improvement_by_exactly_the_threshold_is_none(self):
        schedule = ProjectionSchedule(min_improvement=0.25)  # Exact in binary.
        self.assertEqual(decisions(schedule, [0.5, 0.75, 0.7500001]), [IMPROVED, NOT, IMPROVED])


class PeriodTest(tf.test.TestCase):
    def test_projects_every_period_whatever_the_scores(self):
        script = [
            (0.5, IMPROVED),
            (0.6, IMPROVED),
            (0.7, IMPROVED_AND_PROJECT),  # Third epoch: its weights are the best, and are projected from.
            (0.1, IMPROVED),
            (0.0, NOT),
            (0.1, PROJECT),
            (0.1, IMPROVED),
            (0.1, NOT),
            (0.2, IMPROVED_AND_PROJECT),
        ]
        schedule = ProjectionSchedule(trigger="period", period=3)
        self.assertEqual(decisions(schedule, [s for s, _ in script]), [d for _, d in script])
        self.assertEqual(schedule.projections, 3)

    def test_a_plateau_does_not_project(self):
        schedule = ProjectionSchedule(trigger="period", period=6, patience=1)
        self.assertEqual(decisions(schedule, [0.5] * 7), [IMPROVED, NOT, NOT, NOT, NOT, PROJECT, IMPROVED])


class StalenessTest(parameterized.TestCase, tf.test.TestCase):
    def projected(self, budget, rates, steps=25):
        """The epochs that end with a projection, each of so many steps at one of the learning rates."""
        schedule = ProjectionSchedule(trigger="staleness", budget=budget, patience=1, period=1)
        found = []
        for epoch, rate in enumerate(rates, start=1):
            if schedule.update(0.5, steps * rate).project:
                found.append(epoch)
        return found

    @parameterized.parameters(
        (1e-5, 1e-3, [4, 8]),  # 2.5e-4 an epoch.
        (1e-4, 1e-3, [1, 2, 3, 4, 5, 6, 7, 8]),  # 2.5e-3 an epoch: more than the budget.
        (1e-4, 5e-3, [2, 4, 6, 8]),
        (1e-4, 6e-3, [3, 6]),  # 7.5e-3; what exceeds the budget is not carried over.
    )
    def test_projects_once_the_learning_rates_of_the_steps_reach_the_budget(self, rate, budget, expected):
        self.assertEqual(self.projected(budget, [rate] * 8), expected)

    def test_a_lower_rate_takes_longer(self):
        # In units of 2.5e-3: 1 + 1; then 1 + ½ + ½; then ½ four times.
        self.assertEqual(self.projected(5e-3, [1e-4] * 3 + [5e-5] * 6), [2, 5, 9])

    def test_float32_rates_reach_a_budget_that_their_decimals_reach(self):
        rate = float(tf.constant(1e-4))  # 9.9999997e-5
        self.assertLess(25 * rate, 2.5e-3)
        self.assertEqual(self.projected(2.5e-3, [rate] * 2), [1, 2])
