"""The one import for a scenario author."""
