"""Parquet, Arrow and NumPy files."""
