"""One admitted request against its targets: attempts, commit, relay."""
