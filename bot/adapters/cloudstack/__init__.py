"""Turns the bot's questions and acts into CloudStack API calls, and the answers into values."""
