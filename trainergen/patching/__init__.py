"""Insertions into files that exist already."""
