"""Tables of bad inputs, and what the message must say of each."""
