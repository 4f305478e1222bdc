"""An LLM gateway inside the web application you already have.

The names of this module are all that applications need; they are loaded when first used.
"""
