"""What can be read off a lab's notebook, without running it.

cells    the names of its cells, and each cell's role: task, answer, check, given
names    which names a program defines, which it reads
"""
