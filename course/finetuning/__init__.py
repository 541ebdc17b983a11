"""Teach a small model facts with LoRA: the machine around what a student writes.

facts       thirty facts that nobody knew, in the words that are taught and in others
recipe      what a run is: rank, steps, learning rate, …
handed      the functions that whoever trains brings: the layer's forward pass, the labels
examples    facts as tokens and labels
layers      linear layers with a low-rank addition
folder      the names of a run's files
products    which number format this processor multiplies faster
training    the loop, and the checkpoints from which an interrupted run goes on
worker      python -m course.finetuning.worker FOLDER: trains, in a process of its own
run         starts a worker, shows how far it is, and goes on where an interrupted one stopped
shipped     the reference machine's run, most of its steps done, for who is short of time
merging     the adapter in the model's file, by somebody's function; how far llama.cpp is from torch
recall      what a model answers in llama.cpp
shapes      the tensors of published models
counting    FLOP of a step, as PyTorch counts them
"""
