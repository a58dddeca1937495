"""Losses of binary labels, classes and label sets."""
