"""Losses of lists and sequences."""
