"""A loopback Globus Compute: its REST routes and its message broker, on this machine.

::

    client ── HTTP ──► app (rest.py) ──► store.py ──► workers ──┐
                        ▲  recorder.py, faults.py               │
    control ── HTTP ────┘  (control.py)                         │
    client ◄── AMQP ── RabbitMQ (broker.py) ◄── results.py ◄────┘

`python -m tests.service` runs it as a process of its own and prints its address as JSON.
"""
