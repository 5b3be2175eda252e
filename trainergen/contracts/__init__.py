"""What a project's base trainer asks of a subclass: one folder a contract."""
