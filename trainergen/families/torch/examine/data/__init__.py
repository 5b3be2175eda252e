"""What the loader gives, over several batches."""
