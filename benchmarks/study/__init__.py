"""Where CCP wins: trainings that answer it, listed as data, run one after the other, and summarised from their results.

``python -m benchmarks.study`` runs, ``python -m benchmarks.study.summary`` draws the tables and curves.
"""
