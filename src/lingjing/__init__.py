"""Lingjing 灵境: an open urban digital twin for a city district."""

__version__ = "0.1.0"
