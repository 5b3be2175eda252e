"""The family ``torch``: models that are ``nn.Module``, trained batch by batch."""
