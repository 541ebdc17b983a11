"""From a fresh machine to a ready one: the environment, the compiled wheel, the look whether all is there.

Everything but the doctor runs on the standard library alone, before anything is installed.
"""
