"""Losses of predicted distributions, quantiles and ensembles."""
