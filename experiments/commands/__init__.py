"""The commands of main.py: one file each, with its flags, its help and its function. Free of TensorFlow until one runs."""
