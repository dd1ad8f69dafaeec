"""The commands the pretend CloudStack answers: one module per subject, one table of all."""
