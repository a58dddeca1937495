"""Losses of vectors and their distances."""
