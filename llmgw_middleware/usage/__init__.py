"""What requests and answers cost in tokens and money."""
