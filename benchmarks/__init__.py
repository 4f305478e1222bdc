"""Measures what the gateway costs, beside the least that a Python gateway could cost. See docs/performance.md."""
