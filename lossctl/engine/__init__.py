"""From a plan to merged totals: the same function for every piece, mapped over threads."""
