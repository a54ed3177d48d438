"""What a model knows: zero-shot figures, their intervals, calibration, and the card that tells them."""
