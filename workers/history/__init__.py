"""What was decided before: found by time and by id, judged again, and decided anew."""
