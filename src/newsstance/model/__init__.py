"""The stance classifier: loading, saving, training, export."""
