"""The demonstration model: a small Dragonfly that knows drawings and nothing about patients."""

from pathlib import Path

DEMO_MODEL = Path(__file__).parent / "weights"
"""The checkpoint folder that is shipped."""
