"""Weights of networks, read from files, fitted to a network, and written."""
