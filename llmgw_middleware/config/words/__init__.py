"""The operator's words: one class for each part of a configuration. Field descriptions are the manual."""
