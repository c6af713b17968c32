"""Decide what travels: which modules a worker has, which names code uses, and the one pickler.

Importing this package loads none of its modules.
"""
