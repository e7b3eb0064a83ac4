"""The fields of each connection type, as tables: what the form shows, what the hook reads, what is wrong with a value."""
