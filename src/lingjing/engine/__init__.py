"""The composition root: wires, schedules, checks promises, isolates faults."""
