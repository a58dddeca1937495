"""Losses that need a unit whole."""
