"""The same losses trained here and with PyTorch Metric Learning: same images, network, start weights and optimizer.

``python -m benchmarks.peers`` trains, ``python -m benchmarks.peers.speed`` times steps in alternation, and
``python -m benchmarks.peers.table`` prints the tables of both from the results.
"""
