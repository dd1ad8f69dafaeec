"""What the command line answers without starting the bot."""
