"""Trainergen's own contract: subclasses of `runtime.Trainer`."""
