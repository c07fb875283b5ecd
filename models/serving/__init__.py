"""The parts of the exported model: signatures, image files, search, warm-up requests and numbered versions."""
