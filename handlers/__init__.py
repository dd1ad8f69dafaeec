"""When the bot does it: read the outside format, open the door, answer."""
