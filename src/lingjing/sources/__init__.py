"""Adapters from outside: units and UTC are settled here, and provenance is kept."""
