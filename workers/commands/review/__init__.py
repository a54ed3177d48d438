"""``sluice review``: what people say of decided images, and what that says of policies."""
