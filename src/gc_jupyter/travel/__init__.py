"""What travels: which modules a worker has, which names code uses, and the one pickler.

Nothing is loaded before it is used; see the modules.
"""
