"""The lab makes and measures models: scenes, captions, training, evaluation. No image is moderated here."""
