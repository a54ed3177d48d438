"""What lies on this machine's own disk: images to judge, the policy folder, the last good policies."""
