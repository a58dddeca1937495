"""Intervals and distributions: what a value's rows or units say of its uncertainty."""
