"""`course serve`: a server that gives one model to many clients at once, by OpenAI's interface.

    web       HTTP: reads requests, writes answers and streams        (tornado, in the main thread)
    requests  what a client may ask for, by JSON
    answers   the JSON that it gets, whole or as a stream
    service   a queue for each open request, and the counts of all
    engine    the thread in which the model computes
    batching  the loop: who takes part in the next step               <- begin here
    sequences several texts side by side in one llama_decode
    grouping  or in several, where that is faster
    sampling  from the model's scores to a token
    writing   from tokens to text, up to a stop sequence
    metrics   the counts as Prometheus reads them
    running   loads the model, opens the port, stops cleanly
    guard     ends a server when the process that wanted it is gone

A request comes down this list, its text goes up it again. `course.llama.server` starts all of it as a child process.
"""
