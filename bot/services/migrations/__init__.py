"""Every change of the journal's schema since the first release."""
