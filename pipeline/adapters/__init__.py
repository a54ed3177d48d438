"""The outside world, one module per library, and in-memory twins of every port."""
