"""The cold wave: what freezes, when, how surely, and what to do about it."""
