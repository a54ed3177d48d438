"""What a worker and a person do with a policy folder: start with it, watch it, check it, test it."""
