"""What can be read off a lab's notebook, without running it.

cells    the names of its cells, and each cell's role: task, answer, check, given
names    which names a program defines, which it reads
ideas    the wrong ideas that its checks know, and their sentences
rubric   what a person looks for in a text
"""
