"""Bundled guests, under the same rules as strangers."""
