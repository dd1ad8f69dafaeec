"""What the bot knows."""

__version__ = "0.1.0"
