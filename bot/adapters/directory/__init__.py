"""Directories: where the names of services are looked up, and who changes them there."""
