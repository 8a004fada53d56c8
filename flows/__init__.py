"""The flow `tune`, its stream of events, and what belongs to the flow itself.

Room: `tune`, `stream`, the kind of flow that `tune` is, how its result is stored.
May import: all rooms but `commands`.
In come the parameters of a study; out come its result, or its events.
"""
