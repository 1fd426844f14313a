"""Benchmarks as they lie on disk, each to a list of Example. Nothing is ever unpickled or fetched."""
