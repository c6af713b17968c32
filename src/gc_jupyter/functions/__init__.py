"""What can be submitted: Python functions, source text, shell and MPI commands."""
