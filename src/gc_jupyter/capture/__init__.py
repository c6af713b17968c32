"""A cell -> self-contained source and named inputs."""
