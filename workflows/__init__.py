"""What the bot does: `ls workflows` is the list."""
