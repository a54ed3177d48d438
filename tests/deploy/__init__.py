"""What a platform engineer deploys: that it parses, that it names what exists, that its queries find data."""
