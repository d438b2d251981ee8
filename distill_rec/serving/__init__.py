"""A student over HTTP: ranking, recommendation, catalogue updates that survive a crash, reload without a gap."""
