"""The kinds of functions that can be submitted: Python, source text, shell and MPI commands."""
