"""The public functions: the same requests as the command line's, the same reports."""
