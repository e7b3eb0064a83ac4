"""A payment gateway on this machine: the documented behaviour, on a clock that can be moved, with faults and a ledger.

It is a second reading of the specifications: nothing here imports the client's code, so that a misreading shows.
Start it with `paygate sandbox`, or in a test with `sandbox.server.running()`.
"""
