"""What can be known of a picture without decoding it, and what of it is shown to the model."""
