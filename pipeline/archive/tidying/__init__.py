"""Keeping an archive in order: small segments become larger ones, and days past the retention go."""
