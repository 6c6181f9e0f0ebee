"""Labellers that read stances in unlabelled sentences, and the comparison of their votes."""
