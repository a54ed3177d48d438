"""The features of pictures and sentences, for whatever a user does next."""
