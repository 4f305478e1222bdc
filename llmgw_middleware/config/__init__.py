"""The operator's words: reading, merging, checking."""
