"""What the model is: parameters, operations, memory, initial signals, what it can learn."""
