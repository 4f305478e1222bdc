"""Provider wire formats, sans IO. One file per dialect; dialects do not know one another."""
