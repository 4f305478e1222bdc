"""Plain frozen values that every floor may know. Standard library only."""
