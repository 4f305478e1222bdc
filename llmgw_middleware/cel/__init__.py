"""The expression language CEL: text to program. See ``program``; ``docs/cel.md`` is the manual."""
