"""The language of --where, and what passes."""
