"""The operator's words: one pydantic model for each part of a configuration. Field descriptions are the manual."""
