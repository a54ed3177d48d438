"""The images room says what is in a file, what decoding it may cost, and which parts of it the model is shown."""
