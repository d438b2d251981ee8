"""The command line: one module a command. Progress on stderr, results on stdout."""
