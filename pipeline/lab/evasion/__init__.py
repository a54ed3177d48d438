"""What costs a user nothing and may hide a picture from a moderator: the tricks of `sluice policy drill`."""
