"""The protocol as values in, values out: no sockets, threads or clocks."""
