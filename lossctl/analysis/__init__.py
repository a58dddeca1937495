"""What merged statistics tell beyond the value: pure functions of arrays, statistics and results."""
