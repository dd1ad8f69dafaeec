"""Durable execution: a run survives the death of its process and never repeats a recorded step."""
