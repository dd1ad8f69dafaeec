"""The demo: the pretend world, the real bot in it, and scripted or real people."""
