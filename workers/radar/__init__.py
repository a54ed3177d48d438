"""What radar found, by which words it is named, and how a person sees it."""
