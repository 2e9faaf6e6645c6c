"""Rank work; every number carries its reason."""
