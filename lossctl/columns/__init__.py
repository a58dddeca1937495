"""Arrow batches as clean arrays, checked."""
