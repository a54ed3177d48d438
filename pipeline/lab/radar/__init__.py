"""What the last day of an archive shows that the days before it did not."""
