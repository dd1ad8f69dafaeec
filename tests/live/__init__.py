"""What is believed of CloudStack, and each runbook, on a live server: `make test-live`."""
