"""The scripts of the demo's scenarios, by what they are about."""
