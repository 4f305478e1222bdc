"""Traffic as its users meet it: over real sockets, before scripted providers."""
