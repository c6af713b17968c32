"""What executes tasks: the Globus Compute web service, or this machine."""
