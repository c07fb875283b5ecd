"""The commands of main.py: each file has its flags, its help and its function. Free of TensorFlow until one runs."""
