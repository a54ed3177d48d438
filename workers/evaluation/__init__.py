"""What people and machines read of an evaluation: a table on the terminal, one JSON object, one HTML page."""
