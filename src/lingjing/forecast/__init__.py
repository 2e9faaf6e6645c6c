"""Weather members in, outcomes out."""
