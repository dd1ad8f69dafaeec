"""A pretend DNS server: one authoritative zone with queries and signed dynamic updates."""
