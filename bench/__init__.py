"""What the bot costs: numbers to compare with each other in one run, and no limits to fail."""
