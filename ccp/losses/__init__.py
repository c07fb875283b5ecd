"""Pair losses: one formula over a matrix of distances or similarities and two masks each."""
