"""Code that several attacks have in common."""

from course.attacks import exercises

NAMES = tuple(map(exercises.function, exercises.POINTS))

TRY = """\
def attempt(do, *args):
    try:
        print(do(*args))
    except BaseException as error:
        print(type(error).__name__, error)

def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)

"""

CALL_C = """\
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    got = libc.syscall(*args)
    return got if got >= 0 else OSError(ctypes.get_errno(), "errno")

"""

ANYTHING = """\
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
ALL_ANYTHING = "".join(f"{name} = lambda *args: Anything()\n" for name in NAMES)
