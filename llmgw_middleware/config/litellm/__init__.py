"""LiteLLM's proxy configuration, put into the configuration's own words."""
