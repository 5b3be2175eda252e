"""What happens to the model when it is treated badly: each file does one thing to it."""
