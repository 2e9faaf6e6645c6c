"""Speed and skill, measured and recorded; `python -m benchmarks` runs them all."""
