"""The command line: one module per command. Progress on stderr, results on stdout."""
