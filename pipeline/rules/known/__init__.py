"""Known pictures: is an image one of a list, by its bytes or nearly."""
