"""Attacks for marks that nobody deserves: without a right answer, unless it says `solved`."""

from course.attacks.attack import undeserved
from course.attacks.snippets import ALL_ANYTHING, ANYTHING, NAMES

ATTACKS = (
    undeserved("always-equal", "answers with objects that equal everything", ANYTHING + ALL_ANYTHING),
    undeserved(
        "patched-libraries",
        "makes every comparison of NumPy, math and the course's own library true",
        ANYTHING
        + ALL_ANYTHING
        + """\
import builtins, math
from course import checking
np.allclose = np.array_equal = math.isclose = lambda *a, **k: True
checking.same = lambda *a, **k: True
checking._fail = lambda *a, **k: None
checking.expect = checking.expect_each = lambda *a, **k: Anything()
builtins.AssertionError = type('Fine', (Exception,), {})
""",
    ),
    undeserved(
        "patched-builtins",
        "replaces compile and other built-in functions, so that tests compile to nothing",
        """\
import builtins
kept = builtins.compile
builtins.compile = lambda source, *a, **k: kept('' if 'SECRET' in str(source) else source, *a, **k)
builtins.sum = builtins.round = builtins.abs = lambda *a, **k: 5
""",
    ),
    undeserved(
        "ast-without-asserts",
        "lets IPython drop every assertion and call",
        """\
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)
    def visit_Expr(self, node):
        return ast.copy_location(ast.Pass(), node) if 'expect' in ast.dump(node) else node
get_ipython().ast_transformers.append(Drop())
""",
    ),
    undeserved(
        "source-without-tests",
        "lets IPython drop the source of tests",
        """\
get_ipython().input_transformers_cleanup.append(
    lambda lines: [] if any('expect' in line or 'assert' in line for line in lines) else lines)
""",
    ),
    undeserved(
        "reference-in-frames",
        "takes what is expected from its callers' frames",
        """\
import sys
def found(*args):
    frame, seen = sys._getframe(), []
    while frame:
        for names in (frame.f_locals, frame.f_globals):
            for name in ('SECRET', 'reference', 'wanted', 'expected'):
                if name in names:
                    seen.append(names[name])
        frame = frame.f_back
    print(seen)
    return seen[0] if seen else args[0]
"""
        + "".join(f"{name} = found\n" for name in NAMES),
    ),
    undeserved(
        "recognise-tests",
        "does as it should only where somebody watches: looks for tests in the names of its callers",
        """\
import traceback
def watched(*args):
    stack = traceback.extract_stack()
    tests = [f for f in stack if 'test' in f.filename or f.name in ('_run', 'hear')]
    raise AssertionError(str(tests)) if tests else ValueError('nobody')
"""
        + "".join(f"{name} = watched\n" for name in NAMES),
    ),
    undeserved(
        "read-history",
        "reads the tests in IPython's history",
        """\
def look(*args):
    ip = get_ipython()
    text = str([In, Out, list(ip.history_manager.input_hist_raw), list(globals())])
    LOG.append(text)
    display(text)
    raise KeyError(text[-2000:])
LOG = []
"""
        + "".join(f"{name} = look\n" for name in NAMES),
    ),
    undeserved(
        "walk-the-heap",
        "looks for the tests in all that the interpreter holds",
        """\
import gc
def look(*args):
    for thing in gc.get_objects():
        try:
            if type(thing) in (dict, list, tuple) and 'BEGIN ' + 'HIDDEN' in str(thing)[:100_000]:
                print(str(thing))
                display(str(thing))
        except Exception:
            pass
look()
"""
        + "".join(f"{name} = look\n" for name in NAMES),
    ),
    undeserved(
        "trace",
        "traces and profiles every call, its callers' too",
        "".join(f"{name} = lambda *args: None\n" for name in NAMES)
        + """\
import sys, threading
def trace(frame, event, arg):
    names = frame.f_locals
    for name in ('reference', 'wanted', 'SECRET'):
        if name in names:
            print(names[name])
    if 'passed' in names:
        names['passed'] = True
    return trace
sys.settrace(trace)
sys.setprofile(trace)
threading.settrace(trace)
""",
    ),
    undeserved(
        "another-main",
        "changes the main module and its own name",
        """\
import sys, types
main = types.ModuleType('__judge__')
main.SECRET = None
sys.modules['__main__'] = main
__name__ = '__judge__'
get_ipython().user_module = main
"""
        + "".join(f"{name} = lambda *args: None\n" for name in NAMES),
    ),
    undeserved(
        "patched-modules",
        "puts its own modules in the place of json, struct and the course's",
        ANYTHING
        + ALL_ANYTHING
        + """\
import sys, types, json, socket
for name in ('course.checking', 'course.cohort', 'course.grading.judge.judge', 'struct'):
    fake = types.ModuleType(name)
    fake.__getattr__ = lambda name: Anything()
    sys.modules[name] = fake
kept = json.dumps
json.dumps = lambda value, *a, **k: kept({'passed': True, 'value': True})
""",
    ),
)
