"""The lab: making and judging models. Scenes, captions, training and evaluation; no image is moderated here."""
