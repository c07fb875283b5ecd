"""From a data set's archives, as its makers distribute them, to the folders that are read."""
