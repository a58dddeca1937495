"""Lines and cells of text, whatever format they stand in."""
