"""What the pages of policies do: files are read, checked, tried and written. Nothing of a policy is kept here."""
