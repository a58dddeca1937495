"""Arithmetic on arrays: what kernels are recorded as, and the programs that run them."""
