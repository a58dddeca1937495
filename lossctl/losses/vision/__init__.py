"""Losses of masks, boxes and images."""
