"""Merged totals as a report, and the report as text."""
