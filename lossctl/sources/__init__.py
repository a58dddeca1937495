"""Files as sources of one dataset: Parquet, Arrow, CSV, JSON Lines and NumPy files, alone, in folders, or piped in."""
