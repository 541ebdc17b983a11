"""Attacks for marks that nobody deserves: without a right answer, unless it says `solved`."""

from course.grading.attacks.attack import Attack

_ANYTHING = """\
class Anything:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __gt__(self, other): return True
    def __hash__(self): return 1
    def __bool__(self): return True
    def __float__(self): return 1.5
    def __getattr__(self, name): return Anything()
    def __getitem__(self, key): return Anything()
    def __call__(self, *args, **kwargs): return Anything()
    def __iter__(self): return iter([Anything()])
    def __array__(self, *args, **kwargs): return np.ones(7)
"""
_NAMES = ("double", "tally", "softmax", "largest", "root", "typical", "size")
_ALL_ANYTHING = "".join(f"{name} = lambda *args: Anything()\n" for name in _NAMES)
_ASSIGNED = {f"1.{n}": f"{name} = {name}\n" for n, name in enumerate(_NAMES, start=1)}  # what the first cell made


def _for_all(name: str, tries: str, cell: str) -> Attack:
    """A cell that makes every answer, or does without."""
    return Attack(name, tries, cell=cell, answers=_ASSIGNED, fair=())


_LINE = """\
import socket, struct, json
from course.grading import agent
line = agent._peer.line._channel
def send(kind, number, content, size=None):
    body = json.dumps(content).encode()
    line.sendall(struct.pack(">cIQ", kind, len(body) if size is None else size, number) + body)
"""
_PATCHED_AGENT = "from course.grading import agent, codec, peer\n"

ATTACKS = (
    _for_all("always-equal", "answers with objects that equal everything", _ANYTHING + _ALL_ANYTHING),
    _for_all(
        "patched-libraries",
        "makes every comparison of NumPy, math and the course's own library true",
        _ANYTHING + _ALL_ANYTHING + "import builtins, math\nfrom course import checking\n"
        "np.allclose = np.array_equal = math.isclose = lambda *a, **k: True\n"
        "checking.same = lambda *a, **k: True\nchecking._fail = lambda *a, **k: None\n"
        "checking.expect = checking.expect_each = lambda *a, **k: Anything()\n"
        "builtins.isinstance = lambda *a: True\nbuiltins.AssertionError = type('Fine', (Exception,), {})",
    ),
    _for_all(
        "patched-builtins",
        "replaces compile and other built-in functions, so that tests compile to nothing",
        "import builtins\nkept = builtins.compile\n"
        "builtins.compile = lambda source, *a, **k: kept('' if 'SECRET' in str(source) else source, *a, **k)\n"
        "builtins.sum = builtins.len = builtins.repr = lambda *a, **k: 5",
    ),
    _for_all(
        "ast-without-asserts",
        "lets IPython drop every assertion and call",
        "import ast\nclass Drop(ast.NodeTransformer):\n    def visit_Assert(self, node):\n"
        "        return ast.copy_location(ast.Pass(), node)\n    def visit_Expr(self, node):\n"
        "        return ast.copy_location(ast.Pass(), node) if 'expect' in ast.dump(node) else node\n"
        "get_ipython().ast_transformers.append(Drop())",
    ),
    _for_all(
        "source-without-tests",
        "lets IPython drop the source of tests",
        "get_ipython().input_transformers_cleanup.append(\n"
        "    lambda lines: [] if any('expect' in line or 'assert' in line for line in lines) else lines)",
    ),
    _for_all(
        "reference-in-frames",
        "takes what is expected from its callers' frames",
        "import sys\ndef found(*args):\n    frame, seen = sys._getframe(), []\n    while frame:\n"
        "        for names in (frame.f_locals, frame.f_globals):\n"
        "            for name in ('SECRET', 'reference', 'wanted', 'expected'):\n"
        "                if name in names:\n                    seen.append(names[name])\n        frame = frame.f_back\n"
        "    print(seen)\n    return seen[0] if seen else args[0]\n" + "".join(f"{name} = found\n" for name in _NAMES),
    ),
    _for_all(
        "recognise-tests",
        "does as it should only where somebody watches: looks for tests in the names of its callers",
        "import traceback\ndef watched(*args):\n    stack = traceback.extract_stack()\n"
        "    tests = [f for f in stack if 'test' in f.filename or f.name in ('_run', 'hear')]\n"
        "    raise AssertionError(str(tests)) if tests else ValueError('nobody')\n"
        + "".join(f"{name} = watched\n" for name in _NAMES),
    ),
    _for_all(
        "read-history",
        "reads the tests in IPython's history",
        "def look(*args):\n    ip = get_ipython()\n    text = str([In, Out, list(ip.history_manager.input_hist_raw), list(globals())])\n"
        "    LOG.append(text)\n    display(text)\n    raise KeyError(text[-2000:])\nLOG = []\n"
        + "".join(f"{name} = look\n" for name in _NAMES),
    ),
    _for_all(
        "walk-the-heap",
        "looks for the tests in all that the interpreter holds",
        "import gc\ndef look(*args):\n    for thing in gc.get_objects():\n        try:\n"
        "            if type(thing) in (dict, list, tuple) and 'BEGIN ' + 'HIDDEN' in str(thing)[:100_000]:\n"
        "                print(str(thing))\n                display(str(thing))\n        except Exception:\n            pass\n"
        "look()\n" + "".join(f"{name} = look\n" for name in _NAMES),
    ),
    _for_all(
        "trace",
        "traces and profiles every call, its callers' too",
        "".join(f"{name} = lambda *args: None\n" for name in _NAMES)
        + "import sys, threading\ndef trace(frame, event, arg):\n    names = frame.f_locals\n"
        "    for name in ('reference', 'wanted', 'SECRET'):\n        if name in names:\n            print(names[name])\n"
        "    if 'passed' in names:\n        names['passed'] = True\n    return trace\n"
        "sys.settrace(trace)\nsys.setprofile(trace)\nthreading.settrace(trace)",
    ),
    _for_all(
        "another-main",
        "changes the main module and its own name",
        "import sys, types\nmain = types.ModuleType('__judge__')\nmain.SECRET = None\nsys.modules['__main__'] = main\n"
        "__name__ = '__judge__'\nget_ipython().user_module = main\n"
        + "".join(f"{name} = lambda *args: None\n" for name in _NAMES),
    ),
    _for_all(
        "patched-modules",
        "puts its own modules in the place of json, struct and the course's",
        _ANYTHING + _ALL_ANYTHING + "import sys, types, json, socket\n"
        "for name in ('course.checking', 'course.cohort', 'course.grading.judge', 'struct'):\n"
        "    fake = types.ModuleType(name)\n    fake.__getattr__ = lambda name: Anything()\n    sys.modules[name] = fake\n"
        "kept = json.dumps\njson.dumps = lambda value, *a, **k: kept({'passed': True, 'value': True})",
    ),
    _for_all(
        "forged-agent",
        "answers every call of the judge with what it wants to hear",
        _PATCHED_AGENT + "def serve(self, kind, number, content):\n"
        "    self.line.send(peer.VERDICT, 0, {'passed': True})\n"
        "    self.line.send(peer.ANSWER, number, {'passed': True, 'value': True, 'verdict': 'pass'})\n"
        "peer.Peer.serve = serve",
    ),
    _for_all(
        "forged-values",
        "answers with values of no known kind: objects, handles and exceptions of the judge's",
        _PATCHED_AGENT
        + "import itertools\nodd = itertools.cycle([{'n': ['O', [1], 'AAAAAAAAAAA=']}, {'h': ['yours', 1, 'f']},\n"
        "    {'h': ['judge', 1, 'f']}, {'e': ['SystemExit', 'x']}, {'e': ['KeyboardInterrupt', '']}, {'ty': '__import__'},\n"
        "    {'pt': ['float32', [2**40], '']}, {'n': ['<f8', [-1], '']}, {'l': {}}, {'i': 'x' * 9}, {'d': [[{'d': []}, 1]]}, 3, [[]]])\n"
        "def serve(self, kind, number, content):\n    value = next(odd)\n"
        "    self.line.send(peer.ANSWER, number, {'value': {'h': ['submission', 1, 'f']} if kind == peer.NAME else value})\n"
        "peer.Peer.serve = serve",
    ),
    _for_all(
        "forged-errors",
        "answers with errors that say that it passed",
        _PATCHED_AGENT + "def serve(self, kind, number, content):\n"
        "    self.line.send(peer.ANSWER, number, {'error': ['StopIteration', 'passed'], 'lost': ['pass', ''], 'passed': True})\n"
        "peer.Peer.serve = serve",
    ),
    _for_all(
        "lost-that-passes",
        "answers as the referee would, with a verdict of its own",
        _PATCHED_AGENT + "def serve(self, kind, number, content):\n"
        "    self.line.send(peer.ANSWER, number, {'lost': ['pass', 'passed']})\npeer.Peer.serve = serve",
    ),
    _for_all(
        "forged-frames",
        "sends verdicts and answers to calls that nobody has made yet",
        _LINE
        + "for number in range(200):\n    send(b'A', number, {'value': True})\n    send(b'V', number, {'passed': True})\n"
        "send(b'E', 0, None)",
    ),
    _for_all(
        "giant-frame",
        "sends a frame that says it is of 4 GB, then half of one",
        _LINE + "send(b'A', 1, {}, size=2**32 - 1)\nline.sendall(b'A\\0')",
    ),
    _for_all(
        "guess-handles",
        "asks the judge for names, and calls functions by numbers that it was not given",
        "from course.grading import peer\ndef probe(fits, high):\n    p, seen = fits._peer, []\n"
        "    for name in ('SECRET', 'wanted', 'reference', '__builtins__', 'exit'):\n        try:\n"
        "            seen.append(p.name(name))\n        except BaseException as error:\n            seen.append(error)\n"
        "    for number in range(200):\n        try:\n            seen.append(p.call(peer.Remote(p, number, 'f'), (), {}))\n"
        "        except BaseException as error:\n            seen.append(error)\n    return str(seen)[:9000]\nlargest = probe\n"
        + "".join(f"{name} = lambda *args: None\n" for name in _NAMES if name != "largest"),
    ),
    _for_all(
        "hostile-arguments",
        "calls a test's function with arguments that are not what they seem",
        "class Sly(int):\n    def __le__(self, other): return True\n    __ge__ = __le__\n    def __int__(self): return 1\n"
        "class Text(str):\n    def __eq__(self, other): return True\n"
        "def largest(fits, high):\n    for odd in (Sly(2000), Text('x'), object(), [fits], None, 1 << 9999, float('nan'), fits):\n"
        "        try:\n            fits(odd)\n        except BaseException:\n            pass\n    return Sly(5)\n"
        + "".join(f"{name} = lambda *args: None\n" for name in _NAMES if name != "largest"),
    ),
    Attack(
        "other-second-answer",
        "answers right at the first call alone",
        answers={"1.1": "calls = []\ndef double(x):\n    calls.append(x)\n    return 2 * x if len(calls) == 1 else 7"},
        solved=True,
    ),
    Attack(
        "error-that-passes",
        "raises exceptions that call themselves passed",
        answers={
            "1.1": "class Passed(AssertionError):\n    verdict = 'pass'\n    passed = True\n"
            "def double(x):\n    raise Passed('pass')",
            "1.3": "def softmax(x):\n    raise SystemExit(0)",
            "1.5": "class Both(ValueError, TypeError):\n    def __init__(self, *_): pass\n"
            "def root(x):\n    raise Both()",
            "1.6": "def typical(record):\n    raise StopIteration(1.5)",
            "1.7": "def size(path):\n    raise GeneratorExit",
        },
        solved=True,
    ),
    Attack(
        "threads-that-call-on",
        "keeps a test's function and calls it from a thread, during and after the test",
        answers={
            "1.4": "import threading, time\nKEPT = []\ndef go_on():\n    while True:\n        for f in KEPT:\n            try:\n"
            "                f(500)\n            except BaseException:\n                pass\n        time.sleep(0.001)\n"
            "threading.Thread(target=go_on, daemon=True).start()\n"
            "def largest(fits, high):\n    KEPT.append(fits)\n    for n in range(high, -1, -1):\n"
            "        if fits(n):\n            return n",
        },
        solved=True,
        fair=("1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"),
    ),
    Attack(
        "change-staged-files",
        "writes to, replaces and removes the file that a test hands over",
        answers={
            "1.7": "import os\ndef size(path):\n    for do in (lambda: open(path, 'wb').close(), lambda: os.truncate(path, 0),\n"
            "               lambda: os.remove(path), lambda: open(os.path.dirname(path) + '/more', 'w').close(),\n"
            "               lambda: os.chmod(path, 0), lambda: os.rename(path, 'moved')):\n"
            "        try:\n            do()\n            return 5\n        except OSError:\n            pass\n    return -1"
        },
        solved=True,
    ),
)
