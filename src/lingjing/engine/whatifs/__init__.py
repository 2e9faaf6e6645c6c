"""What-ifs: a branch with changes, the run over it, and what differs."""
