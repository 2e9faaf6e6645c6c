"""Faults survived, at length: `python -m benchmarks.soak`, or `make soak`."""
