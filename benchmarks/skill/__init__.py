"""How accurate the physics is against public observations."""
