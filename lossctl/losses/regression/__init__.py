"""Losses of numbers."""
