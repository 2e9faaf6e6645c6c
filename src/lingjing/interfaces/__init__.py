"""Command line, HTTP and page: translation only."""
