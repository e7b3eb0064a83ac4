"""Example DAGs: the snippets of the how-to pages, the tests' system run and `paygate demo` are these same files."""
