"""Pictures for browsers: found where they still are, decoded in processes of their own, and drawn anew."""
