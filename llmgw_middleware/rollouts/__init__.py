"""Canaries and experiments at work."""
