import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Read when TensorFlow is imported, so before any test is.
gc.set_threshold(100_000, 50, 100)  # Tracing makes many objects, and little garbage: this saves a twelfth of the time.


def pytest_collection_modifyitems(items):
    """Files that take long come first, so that no worker is left alone with one at the end."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)
