"""Labelled sentences: reading, checking, splitting, describing them, and rebuilding real news from stand-off labels."""
