"""Everything that owns a thread, between the executor and a service."""
