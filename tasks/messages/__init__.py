"""What the flow's process and a trial's tell each other.

Room: requests, orders, the wire that they travel by, notes that survive a kill.
May import: the vocabulary.
In come plain data; out come the same on the other side.
"""
