"""Attacks on the line between judge and submission: forged answers and frames, and answers that change or linger."""

from course.attacks.attack import Attack, undeserved
from course.attacks.snippets import NAMES

_LINE = """\
import socket, struct, json
from course.grading.judge import agent
line = agent._peer.line._channel
def send(kind, number, content, size=None):
    body = json.dumps(content).encode()
    line.sendall(struct.pack(">cIQ", kind, len(body) if size is None else size, number) + body)
"""
_PATCHED_AGENT = "from course.grading.judge import agent, codec, peer\n"

ATTACKS = (
    undeserved(
        "forged-agent",
        "answers every call of the judge with what it wants to hear",
        _PATCHED_AGENT
        + """\
def serve(self, kind, number, content):
    self.line.send(peer.VERDICT, 0, {'passed': True})
    self.line.send(peer.ANSWER, number, {'passed': True, 'value': True, 'verdict': 'pass'})
peer.Peer.serve = serve
""",
    ),
    undeserved(
        "forged-values",
        "answers with values of no known kind: objects, handles and exceptions of the judge's",
        _PATCHED_AGENT
        + """\
import itertools
odd = itertools.cycle([{'n': ['O', [1], 'AAAAAAAAAAA=']}, {'h': ['yours', 1, 'f']},
    {'h': ['judge', 1, 'f']}, {'e': ['SystemExit', 'x']}, {'e': ['KeyboardInterrupt', '']}, {'ty': '__import__'},
    {'pt': ['float32', [2**40], '']}, {'n': ['<f8', [-1], '']}, {'l': {}}, {'i': 'x' * 9}, {'d': [[{'d': []}, 1]]},
    3, [[]]])
def serve(self, kind, number, content):
    value = next(odd)
    self.line.send(peer.ANSWER, number, {'value': {'h': ['submission', 1, 'f']} if kind == peer.NAME else value})
peer.Peer.serve = serve
""",
    ),
    undeserved(
        "forged-errors",
        "answers with errors that say that it passed",
        _PATCHED_AGENT
        + """\
def serve(self, kind, number, content):
    self.line.send(peer.ANSWER, number, {'error': ['StopIteration', 'passed'], 'lost': ['pass', ''], 'passed': True})
peer.Peer.serve = serve
""",
    ),
    undeserved(
        "lost-that-passes",
        "answers as the referee would, with a verdict of its own",
        _PATCHED_AGENT
        + """\
def serve(self, kind, number, content):
    self.line.send(peer.ANSWER, number, {'lost': ['pass', 'passed']})
peer.Peer.serve = serve
""",
    ),
    undeserved(
        "forged-frames",
        "sends verdicts and answers to calls that nobody has made yet",
        _LINE
        + """\
for number in range(200):
    send(b'A', number, {'value': True})
    send(b'V', number, {'passed': True})
send(b'E', 0, None)
""",
    ),
    undeserved(
        "giant-frame",
        "sends a frame that says it is of 4 GB, then half of one",
        _LINE
        + """\
send(b'A', 1, {}, size=2**32 - 1)
line.sendall(b'A\\0')
""",
    ),
    undeserved(
        "fill-the-judge",
        "fills the judge's memory with an answer, and hides tests that pass in what is left of it",
        _LINE
        + """\
from course.grading.judge import peer
test = {'name': 'test-1-1', 'source': '', 'is_sound': True, 'secret': ''}
body = json.dumps(test).encode()
hidden = struct.pack(">cIQ", b'T', len(body), 1) + body
def serve(self, kind, number, content):
    filling = b'{"value": "' + hidden * ((30 << 20) // len(hidden)) + b'"}'
    for again in range(4):
        line.sendall(struct.pack(">cIQ", b'A', len(filling), number) + filling)
peer.Peer.serve = serve
""",
    ),
    undeserved(
        "guess-handles",
        "asks the judge for names, and calls functions by numbers that it was not given",
        """\
from course.grading.judge import peer
def probe(fits, high):
    p, seen = fits._peer, []
    for name in ('SECRET', 'wanted', 'reference', '__builtins__', 'exit'):
        try:
            seen.append(p.name(name))
        except BaseException as error:
            seen.append(error)
    for number in range(200):
        try:
            seen.append(p.call(peer.Remote(p, number, 'f'), (), {}))
        except BaseException as error:
            seen.append(error)
    return str(seen)[:9000]
largest = probe
"""
        + "".join(f"{name} = lambda *args: None\n" for name in NAMES if name != "largest"),
    ),
    undeserved(
        "hostile-arguments",
        "calls a test's function with arguments that are not what they seem",
        """\
class Sly(int):
    def __le__(self, other): return True
    __ge__ = __le__
    def __int__(self): return 1
class Text(str):
    def __eq__(self, other): return True
def largest(fits, high):
    for odd in (Sly(2000), Text('x'), object(), [fits], None, 1 << 9999, float('nan'), fits):
        try:
            fits(odd)
        except BaseException:
            pass
    return Sly(5)
"""
        + "".join(f"{name} = lambda *args: None\n" for name in NAMES if name != "largest"),
    ),
    Attack(
        "other-second-answer",
        "answers right at the first call alone",
        answers={
            "1.1": """\
calls = []
def double(x):
    calls.append(x)
    return 2 * x if len(calls) == 1 else 7
"""
        },
        solved=True,
    ),
    Attack(
        "error-that-passes",
        "raises exceptions that call themselves passed",
        answers={
            "1.1": """\
class Passed(AssertionError):
    verdict = 'pass'
    passed = True
def double(x):
    raise Passed('pass')
""",
            "1.2": """\
class ForReview(Exception):
    verdict = 'review'
def tally(words):
    raise ForReview('review')
""",
            "1.3": """\
def softmax(x):
    raise SystemExit(0)
""",
            "1.5": """\
class Both(ValueError, TypeError):
    def __init__(self, *_): pass
def root(x):
    raise Both()
""",
            "1.6": """\
def typical(record):
    raise StopIteration(1.5)
""",
            "1.7": """\
def size(path):
    raise GeneratorExit
""",
        },
        solved=True,
    ),
    Attack(
        "threads-that-call-on",
        "keeps a test's function and calls it from a thread, during and after the test",
        answers={
            "1.4": """\
import threading, time
KEPT = []
def go_on():
    while True:
        for f in KEPT:
            try:
                f(500)
            except BaseException:
                pass
        time.sleep(0.001)
threading.Thread(target=go_on, daemon=True).start()
def largest(fits, high):
    KEPT.append(fits)
    for n in range(high, -1, -1):
        if fits(n):
            return n
""",
        },
        solved=True,
        fair=("1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"),
    ),
    Attack(
        "change-staged-files",
        "writes to, replaces and removes the file that a test hands over",
        answers={
            "1.7": """\
import os
def size(path):
    for do in (lambda: open(path, 'wb').close(), lambda: os.truncate(path, 0),
               lambda: os.remove(path), lambda: open(os.path.dirname(path) + '/more', 'w').close(),
               lambda: os.chmod(path, 0), lambda: os.rename(path, 'moved')):
        try:
            do()
            return 5
        except OSError:
            pass
    return -1
"""
        },
        solved=True,
    ),
)
