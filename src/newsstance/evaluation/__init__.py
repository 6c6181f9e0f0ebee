"""How good a model is, how sure we are of it, where it fails, and what it is better than."""
