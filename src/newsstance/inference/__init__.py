"""From articles to predictions."""
