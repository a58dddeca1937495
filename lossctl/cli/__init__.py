"""The command line: options as a request, a report as output and an exit code."""
