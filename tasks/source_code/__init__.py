"""The user's code: where it comes from, what it uses, how it travels by value.

Room: the origin of code, its static uses, modules by value, options of libraries.
May import: the vocabulary, cloudpickle.
In come functions and modules; out come digests, pickles, and modules that stand in.
"""
