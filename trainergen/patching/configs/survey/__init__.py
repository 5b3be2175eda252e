"""What the trainers that exist show: how their settings are named, read and kept."""
