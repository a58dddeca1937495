"""What a loss and an option are, and how they are declared."""
