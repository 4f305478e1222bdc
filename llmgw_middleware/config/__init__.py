"""The operator's words: reading, merging, checking. The only place that knows pydantic."""
