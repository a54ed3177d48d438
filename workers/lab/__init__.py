"""What the commands of the lab do with a person's settings: a training run, the card of a model."""
