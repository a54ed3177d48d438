"""What a careful colleague would say of policies, by what their words mean to the model."""
