import numpy as np
import tensorflow as tf

from ccp import CrossBatchMemory


def batch(*numbers):
    """Labels and one-dimensional embeddings that tell which example is which."""
    return np.array(numbers), np.array(numbers, np.float32)[:, np.newaxis]


def contents(memory):
    labels, embeddings = memory.references()
    assert np.array_equal(labels.numpy(), embeddings.numpy()[:, 0])
    return labels.numpy().tolist()


class CrossBatchMemoryTest(tf.test.TestCase):
    def test_overwrites_the_oldest(self):
        memory = CrossBatchMemory(4, 1)
        seen = []
        for numbers in ((1, 2), (3, 4), (5, 6), (7, 8)):
            memory.store(*batch(*numbers))
            seen.append((contents(memory), bool(memory.ready())))
        expected = [([1, 2, 0, 0], False), ([1, 2, 3, 4], True), ([5, 6, 3, 4], True), ([5, 6, 7, 8], True)]
        self.assertEqual(seen, expected)

    def test_batches_that_do_not_divide_the_capacity_wrap_around(self):
        memory = CrossBatchMemory(4, 1)
        for numbers in ((1, 2, 3), (4, 5, 6)):
            memory.store(*batch(*numbers))
        self.assertEqual(contents(memory), [5, 6, 3, 4])  # The last four, 3 to 6.
        memory.store(*batch(7, 8, 9, 10))
        self.assertCountEqual(contents(memory), [7, 8, 9, 10])
        memory.store(*batch(11))
        self.assertCountEqual(contents(memory), [8, 9, 10, 11])

    def test_knows_where_the_last_batch_is(self):
        memory = CrossBatchMemory(4, 1)
        for numbers in ((1, 2, 3), (4, 5, 6), (7,)):
            memory.store(*batch(*numbers))
            places = memory.own_copies(len(numbers)).numpy()
            self.assertEqual(memory.references()[0].numpy()[places].tolist(), list(numbers))

    def test_counts_from_the_start_step(self):
        # Two batches do not count; then two of 2 fill 4. What the first two left is overwritten by then.
        memory, ready = CrossBatchMemory(4, 1, start_step=2), []
        for numbers in ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10)):
            memory.store(*batch(*numbers))
            ready.append(bool(memory.ready()))
        self.assertEqual(ready, [False, False, False, True, True])
        self.assertEqual(contents(memory), [9, 10, 7, 8])

    def test_keeps_embeddings_as_they_are_and_lets_no_gradient_in(self):
        memory, embeddings = CrossBatchMemory(2, 2), tf.Variable([[30.0, 40.0], [0.0, 0.0]])
        with tf.GradientTape() as tape:
            memory.store([1, 2], embeddings)
            kept = memory.references()[1]
        self.assertAllEqual(kept, [[30.0, 40.0], [0.0, 0.0]])
        self.assertIsNone(tape.gradient(kept, embeddings))

    def test_labels_are_int64_and_may_come_as_a_column(self):
        memory = CrossBatchMemory(2, 1)
        memory.store(np.array([[2**24], [2**40 + 1]]), np.zeros((2, 1)))
        self.assertEqual(memory.references()[0].dtype, tf.int64)
        self.assertAllEqual(memory.references()[0], [2**24, 2**40 + 1])

    def test_compiled_for_batches_of_any_size(self):
        memory = CrossBatchMemory(4, 1)
        signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 1], tf.float32)]
        store = tf.function(memory.store, input_signature=signature)
        for numbers in ((1, 2, 3), (4, 5), (6,)):
            store(*batch(*numbers))
        self.assertEqual(contents(memory), [5, 6, 3, 4])

    def test_configuration_round_trip(self):
        memory = CrossBatchMemory(6, 3, start_step=9, name="mine")
        memory.store([1, 2], np.ones((2, 3)))
        again = tf.keras.layers.deserialize(tf.keras.layers.serialize(memory))
        self.assertIs(type(again), CrossBatchMemory)
        self.assertEqual(again.get_config(), memory.get_config())
        self.assertEqual((again.name, again.capacity, again.embedding_size, again.start_step), ("mine", 6, 3, 9))
        self.assertEqual(int(again.filled), 0)  # Empty again: contents are a checkpoint's.

    def test_refuses_a_batch_that_does_not_fit(self):  # Also one whose size is not known when the graph is made.
        memory = CrossBatchMemory(2, 1)
        signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 1], tf.float32)]
        for store in (memory.store, tf.function(memory.store, input_signature=signature)):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "does not fit into a memory of 2 .*enlarge"):
                store(*batch(1, 2, 3))

    def test_refuses_sizes_out_of_range(self):
        for capacity, start_step in ((0, 0), (4, -1)):
            with self.assertRaisesRegex(ValueError, f"got {capacity}, {start_step}"):
                CrossBatchMemory(capacity, 1, start_step)
