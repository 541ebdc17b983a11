"""What crosses between a test and a submission, through the real processes."""

from collections.abc import Callable
from typing import Any

import pytest

Judged = Callable[..., dict[str, Any]]
PASSED = {"passed": True}

ECHO = "def echo(value):\n    return value"
VALUES = {
    "numbers": "[1, -2.5, 10**30, 3 + 4j, True, None]",
    "text and bytes": "['ä', '', b'\\x00\\xff']",
    "containers": "[(1, 2), {'a': [1.0, 2.0]}, {3, 4}, {(1, 2): 'x'}, frozenset({1})]",
    "slices": "slice(1, None, 2)",
    "types": "[ValueError, int]",
}


@pytest.mark.parametrize("values", VALUES)
def test_values_cross_in_both_directions(judged: Judged, values: str) -> None:
    assert judged(ECHO, f"value = {VALUES[values]}\nassert echo(value) == value, repr(echo(value))") == PASSED


def test_nan_and_infinity_cross(judged: Judged) -> None:
    test = "import math\nx, y = echo((math.nan, -math.inf))\nassert math.isnan(x) and y == -math.inf"
    assert judged(ECHO, test) == PASSED


def test_numpy_and_torch_values_cross(judged: Judged) -> None:
    answer = (
        "import numpy, torch\nTYPES = numpy.ndarray, torch.Tensor, numpy.float32\n"
        "def twice(x):\n    assert isinstance(x, TYPES)\n    return 2 * x"
    )
    test = (
        "import numpy as np, torch\n"
        "a = np.arange(6, dtype='f4').reshape(2, 3)\nassert (twice(a) == 2 * a).all() and twice(a).dtype == a.dtype\n"
        "t = torch.arange(4, dtype=torch.bfloat16)\nassert torch.equal(twice(t), 2 * t)\n"
        "assert type(twice(np.float32(1.5))) is np.float32"
    )
    assert judged(answer, test) == PASSED


def test_what_a_submission_changes_in_place_is_not_seen(judged: Judged) -> None:
    assert judged("def spoil(x):\n    x.clear()", "x = [1]\nspoil(x)\nassert x == [1]") == PASSED


def test_an_honest_exception_counts_and_its_own_subclass_too(judged: Judged) -> None:
    answer = "class Bad(ValueError):\n    pass\ndef f(kind):\n    raise Bad('no') if kind else ValueError('no')"
    test = "from course.checking import expect\nfor kind in (0, 1):\n    expect(f, kind).raises(ValueError)"
    assert judged(answer, test) == PASSED


def test_an_oracle_runs_in_the_judge_and_its_exceptions_cross(judged: Judged) -> None:
    answer = (
        "def ask(oracle):\n    try:\n        oracle(-1)\n    except ValueError as error:\n"
        "        return [oracle(2), oracle(x=3), str(error), oracle.__name__]"
    )
    test = (
        "def oracle(x):\n    if x < 0:\n        raise ValueError('negative')\n    return x * 10\n"
        "assert ask(oracle) == [20, 30, 'negative', 'oracle']"
    )
    assert judged(answer, test) == PASSED


def test_calls_nest_in_both_directions(judged: Judged) -> None:
    answer = "def outer(f, n):\n    return n if n == 0 else f(lambda m: outer(f, m), n)"
    test = (
        "depth = []\ndef f(again, n):\n    depth.append(n)\n    return again(n - 1) + 1\n"
        "assert outer(f, 20) == 20 and len(depth) == 20"
    )
    assert judged(answer, test) == PASSED


def test_a_function_that_comes_back_is_itself(judged: Judged) -> None:
    test = "def f():\n    return 1\nassert echo(f) is f and echo([f, len])[0] is f"
    assert judged(ECHO, test) == PASSED


def test_a_submission_may_return_functions(judged: Judged) -> None:
    assert judged("def adder(n):\n    return lambda x: x + n", "assert adder(3)(4) == 7") == PASSED


def test_several_callables_and_somebodys_implementation(judged: Judged) -> None:
    answer = "def accepts(f):\n    return f(2) == 4 and f(3) == 9\ndef probe(a, b):\n    return a(b(2))"
    test = (
        "from course.checking import expect_each\n"
        "bank = {'right': lambda x: x * x, 'wrong': lambda x: 2 * x}\n"
        "expect_each(accepts, {k: (f,) for k, f in bank.items()}).equals([True, False])\n"
        "assert probe(lambda x: x + 1, lambda x: 10 * x) == 21"
    )
    assert judged(answer, test) == PASSED


def test_a_file_that_a_test_stages_is_read_and_cannot_be_written(judged: Judged) -> None:
    answer = (
        "def head(path):\n    try:\n        open(path, 'ab')\n    except OSError:\n"
        "        return open(path, 'rb').read(4)"
    )
    test = "from course.checking import stage\nassert head(stage('tiny.gguf', b'GGUF\\x03')) == b'GGUF'"
    assert judged(answer, test) == PASSED


def test_a_staged_file_of_a_tebibyte_takes_no_room_and_is_not_copied(judged: Judged) -> None:
    answer = "import os\ndef length(path):\n    return os.stat(path).st_size, os.stat(path).st_blocks * 512"
    whole = "def length(path):\n    return len(open(path, 'rb').read())"
    test = (
        "from course.checking import LONGEST_STAGED, stage\n"
        "size, room = length(stage('huge.gguf', b'GGUF', size=LONGEST_STAGED))\n"
        "assert size == 1 << 40 and room < 1 << 20"
    )
    assert judged(answer, test) == PASSED
    assert "MemoryError" in judged(whole, test)["message"]


def test_an_implausible_measurement_is_for_review(judged: Judged) -> None:
    test = (
        "from course.checking import plausible\n"
        "plausible(speed() < 100, 'faster than its memory')\n"
        "plausible(speed() < 10, 'faster than its processor')"
    )
    verdict = judged("def speed():\n    return 50", test)
    assert not verdict["passed"]
    assert (verdict["verdict"], verdict["message"]) == ("review", "faster than its processor")


def test_the_givens_are_the_judges_own(judged: Judged) -> None:
    answer = "BOX = [1000]\nimport math\nmath.sqrt = lambda x: 0\ndef half(x):\n    return x / 2"
    test = "assert BOX == [3, 4] and half(sqrt(16)) == 2 and tall(2) == 6"
    bound = ("from math import sqrt", "BOX = [3]", "BOX = [*BOX, 4]", "def tall(n):\n    return n * BOX[0]")
    assert judged(answer, test, *bound, solution="def half(x):\n    ...") == PASSED


def test_the_names_of_builtins_are_not_the_submissions(judged: Judged) -> None:
    answer = "def isinstance(*_):\n    return True\nabs = lambda x: 7\ndef f(x):\n    return x"
    assert (
        judged(answer, "assert abs(-1) == 1 and not isinstance(1, str) and f(2) == 2", solution="def f(x): ...")
        == PASSED
    )


def test_a_name_that_nobody_defines_is_an_error(judged: Judged) -> None:
    verdict = judged("x = 1", "assert f(1) == 1", solution="def f(x): ...")
    assert verdict["verdict"] == "error" and "f is not defined" in verdict["message"]


WRONG = {
    "equal to all": "class Any:\n    def __eq__(self, other):\n        return True\ndef f():\n    return Any()",
    "a generator": "def f():\n    while True:\n        yield 1",
    "an endless list": "def f():\n    x = []\n    x.append(x)\n    return x",
    "an array of objects": "import numpy as np\ndef f():\n    return np.array([object()])",
    "a giant integer": "def f():\n    return 1 << (1 << 22)",
    "a giant integer that crosses": "def f():\n    return 7 ** 100_000",
    "a long list": "def f():\n    return [0] * 10_000_000",
    "a huge length": "class L(list):\n    def __len__(self):\n        return 1 << 60\ndef f():\n    return L()",
    "an iterator that lies": "class L(list):\n    def __iter__(self):\n        yield from f\ndef f():\n    return L()",
    "an exception": "def f():\n    return ValueError('x')",
    "base exceptions": "def f():\n    raise KeyboardInterrupt",
    "system exit": "def f():\n    raise SystemExit",
    "generator exit": "def f():\n    raise GeneratorExit",
    "stop": "def f():\n    raise StopIteration(3)",
    "recursion": "def f():\n    return f()",
    "no function": "f = 3",
}


@pytest.mark.parametrize("kind", WRONG)
def test_every_odd_answer_gets_a_clear_verdict(judged: Judged, kind: str) -> None:
    verdict = judged(WRONG[kind], "from course.checking import expect\nexpect(f).equals(3)")
    assert verdict["passed"] is False
    assert verdict["verdict"] in ("fail", "error")
    assert 0 < len(verdict["message"]) < 500


def test_an_odd_argument_is_the_tests_own_fault(judged: Judged) -> None:
    verdict = judged(ECHO, "echo(object())")
    assert verdict["message"].startswith("the test is at fault: a value of type object")


def test_an_endless_answer_is_a_timeout_and_an_idea_may_predict_it(judged: Judged) -> None:
    answer = "def f(x):\n    while True:\n        pass"
    test = "from course.checking import expect\nexpect(f, 1).equals(3, wrong={IDEA})"
    plain = judged(answer, test.replace("{IDEA}", "{}"))
    assert (plain["verdict"], plain["misconception"]) == ("timeout", None)
    named = judged(answer, test.replace("{IDEA}", "{'1.1/endless': ('it never ends', TimeoutError)}"))
    assert (named["verdict"], named["misconception"]) == ("fail", "1.1/endless")


def test_after_a_timeout_the_submission_goes_on(execute: Callable[..., Any]) -> None:
    answer = (
        "STATE = []\ndef f(x):\n    while True:\n        pass\n# ---\nSTATE.append(1)\ndef g(x):\n    return len(STATE)"
    )
    test = "f(1)\n# ---\nassert g(1) == 1"
    ran = execute(answer, test)
    assert ran.verdicts["test-1-1"]["verdict"] == "timeout"
    assert ran.verdicts["test-1-2"] == PASSED and ran.deaths == 0


@pytest.mark.parametrize(
    "death",
    [
        "import os\n    os._exit(0)",
        "import ctypes\n    ctypes.string_at(0)",
        "import signal\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    while True: pass",
        "import os\n    os.closerange(3, 200)",
    ],
    ids=["exit", "segfault", "deaf", "hung up"],
)
def test_a_process_that_dies_in_a_test_costs_its_exercise_only(execute: Callable[..., Any], death: str) -> None:
    answer = f"def f():\n    {death}\n# ---\ndef g():\n    return 3"
    ran = execute(answer, "assert f() == 3\n# ---\nassert g() == 3")
    assert ran.verdicts["test-1-1"]["verdict"] in ("crash", "timeout")
    assert ran.verdicts["test-1-2"] == PASSED
    assert ran.deaths == 1


def test_an_answer_too_large_for_the_judge_costs_its_exercise_only(execute: Callable[..., Any]) -> None:
    answer = "def f():\n    return 'x' * (40 << 20)\n# ---\ndef g():\n    return 3"
    ran = execute(answer, "assert f() == 3\n# ---\nassert g() == 3")
    first = ran.verdicts["test-1-1"]
    assert first["verdict"] == "crash" and "more than 32 MiB were given at once" in first["message"]
    assert ran.verdicts["test-1-2"] == PASSED


def test_answers_that_fill_the_judge_together_are_refused(execute: Callable[..., Any]) -> None:
    ran = execute("def f(n):\n    return 'x' * (15 << 20)", "kept = [f(n) for n in range(20)]")
    assert "more than 192 MiB were given to one check" in ran.verdicts["test-1-1"]["message"]


def test_a_call_that_asks_without_end_is_told_how_many_calls_are_enough(judged: Judged) -> None:
    answer = "def accepts(f):\n    while True:\n        f(1)"
    verdict = judged(answer, "from course.checking import expect\nexpect(accepts, abs).equals(True)")
    assert verdict["verdict"] == "timeout"
    assert "did not return within 4 s, in which it called what it was given" in verdict["message"]
    assert verdict["message"].split(";")[0].endswith("times: a hundred calls are enough")


def test_what_a_bank_hands_over_takes_names_and_tells_no_body(judged: Judged) -> None:
    answer = (
        "def accepts(f):\n    seen = []\n    for args, named in (((2,), {'watts': 3}), ((), {}), (('x', 3), {})):\n"
        "        try:\n            seen.append(f(*args, **named))\n"
        "        except Exception as error:\n            seen.append(str(error))\n"
        "    return seen == [6, \"energy: missing a required argument: 'hours'\", "
        "'energy takes a plain number as hours, not a text']"
    )
    test = (
        "from course.checking import Bank\n"
        "right = {'one': lambda h, w: h * w}\n"
        "Bank('energy(hours, watts)', right=right, wrong={}, example=(1, 1)).judged_by(accepts)"
    )
    assert judged(answer, test) == PASSED


def test_changed_arguments_and_numpys_generator_are_seen_across_the_line(judged: Judged) -> None:
    spoils = "import numpy as np\ndef f(x):\n    x[0] = 9\n    np.random.seed(3)\n    return 1"
    test = "from course.checking import expect\nimport numpy as np\nexpect(f, np.zeros(2)).{}()"
    assert "changed its first argument" in judged(spoils, test.format("keeps_arguments"))["message"]
    assert "global generator" in judged(spoils, test.format("keeps_numpys_generator"))["message"]
    honest = "import numpy as np\ndef f(x):\n    return np.random.default_rng(3).random()"
    for promise in ("keeps_arguments", "keeps_numpys_generator"):
        assert judged(honest, test.format(promise)) == PASSED


PASSPORTS = {
    "a NumPy text": "np.array(['cost_usd'])[0]",
    "an array of no axis": "np.array('cost_usd')",
    "pandas' text": "pd.Series(['cost_usd']).iloc[0]",
    "an object array's": "np.array(['cost_usd', None], dtype=object)[0]",
}


@pytest.mark.parametrize("kind", PASSPORTS)
def test_a_text_of_another_library_is_a_text(judged: Judged, kind: str) -> None:
    answer = f"import numpy as np, pandas as pd\ndef f():\n    return {{'field': [{PASSPORTS[kind]}]}}"
    assert judged(answer, "from course.checking import expect\nexpect(f).equals({'field': ['cost_usd']})") == PASSED


NUMBERS = {
    "a Decimal": "decimal.Decimal('2.5')",
    "a Fraction": "fractions.Fraction(5, 2)",
    "an array of no axis": "np.array(2.5)",
    "a tensor": "torch.tensor(2.5)",
    "pandas' number": "pd.Series([2.5]).sum()",
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_number_of_another_library_is_a_number(judged: Judged, kind: str) -> None:
    answer = f"import decimal, fractions, numpy as np, pandas as pd, torch\ndef f():\n    return {NUMBERS[kind]}"
    assert judged(answer, "from course.checking import expect\nexpect(f).close_to(2.5)") == PASSED


LISTS = {
    "a Series": "pd.Series([1.0, 2.0])",
    "a tensor": "torch.tensor([1.0, 2.0])",
    "an object array": "np.array([1.0, 2.0], dtype=object)",
    "a range": "range(1, 3)",
    "a deque": "collections.deque([1, 2])",
    "another's own": "Own()",
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_sequence_of_another_library_is_a_list(judged: Judged, kind: str) -> None:
    answer = (
        "import collections, numpy as np, pandas as pd, torch\n"
        "class Own:\n    def __array__(self, dtype=None, copy=None):\n        return np.array([1.0, 2.0])\n"
        f"def f():\n    return {LISTS[kind]}"
    )
    assert judged(answer, "from course.checking import expect\nexpect(f).close_to([1, 2])") == PASSED


def test_what_is_no_list_is_told_what_is_asked(judged: Judged) -> None:
    answer = "def f():\n    yield 1"
    message = judged(answer, "from course.checking import expect\nexpect(f).equals([1])")["message"]
    assert message.endswith("a list is asked, this is a value of type generator")


def test_handles_die_with_their_test(execute: Callable[..., Any]) -> None:
    answer = (
        "KEPT = []\ndef keep(f):\n    KEPT.append(f)\n    return f(1)\n# ---\n"
        "def use(f):\n    try:\n        return KEPT[0](1)\n    except RuntimeError as error:\n        return str(error)"
    )
    test = "assert keep(lambda x: x) == 1\n# ---\nassert 'is over' in use(lambda x: x), use(abs)"
    assert set(map(str, execute(answer, test).verdicts.values())) == {str(PASSED)}


def test_a_thread_cannot_call_a_tests_function(judged: Judged) -> None:
    answer = (
        "import threading\ndef f(oracle):\n    seen = []\n"
        "    def run():\n        try:\n            seen.append(oracle(1))\n"
        "        except RuntimeError as error:\n            seen.append(str(error))\n"
        "    thread = threading.Thread(target=run)\n    thread.start()\n    thread.join()\n    return seen[0]"
    )
    assert judged(answer, "assert 'thread' in f(lambda x: x)") == PASSED


def test_prints_of_a_submission_during_a_test_are_dropped(execute: Callable[..., Any]) -> None:
    ran = execute("def f(x):\n    print('hidden input', x)\n    return x", "assert f(4711) == 4711")
    assert "4711" not in str([cell.outputs for cell in ran.notebook.cells])


FORGED = {
    "answers to come": "[send(b'A', 12, n, b'{\"value\": 3}') for n in range(1, 40)]",
    "a verdict": "send(b'V', 16, 0, b'{\"passed\": true}')",
    "no frames": "line.sendall(b'\\xff' * 64)",
    "a giant frame": "send(b'A', 4_000_000_000, 1, b'')",
    "half a frame": "line.sendall(b'A\\x00')",
    "no JSON": "[send(b'A', 4, n, b'oops') for n in range(1, 40)]",
    "questions to the judge": "[send(b'N', 6, n, b'\"exit\"') for n in range(1, 40)]",
}
FORGER = """
import struct
from course.grading.judge import agent
line = agent._peer.line._channel
def send(kind, size, number, body):
    line.sendall(struct.pack('>cIQ', kind, size, number) + body)
FORGED
def f():
    FORGED
    return 4
# ---
def g():
    return 3
"""


@pytest.mark.parametrize("forged", FORGED)
def test_forged_frames_win_nothing(execute: Callable[..., Any], forged: str) -> None:
    ran = execute(FORGER.replace("FORGED", FORGED[forged]), "assert f() == 5\n# ---\nassert g() == 3")
    assert ran.verdicts["test-1-1"]["passed"] is False


SEARCH = """
import os, sys
def look():
    frame, seen = sys._getframe(), []
    while frame:
        seen += [repr(frame.f_globals.get('SECRET')), repr(frame.f_locals.get('SECRET'))]
        frame = frame.f_back
    files = [os.path.join(top, name) for top, _, names in os.walk('.') for name in names]
    for path in [path for path in files if os.path.getsize(path) < 1 << 20]:
        try:
            seen.append(open(path, errors='ignore').read())
        except OSError:
            pass
    return [text for text in seen if 'q7z47' + '11w' in text]
"""


def test_the_submission_finds_no_test_in_frames_and_files(judged: Judged) -> None:
    assert judged(SEARCH, "SECRET = 'q7z4711w'\nassert look() == []") == PASSED


def test_a_check_that_runs_inside_needs_its_last_word(judged: Judged) -> None:
    inside = ("runs-inside",)
    assert judged("x = object()", "assert type(x) is object", tags=inside) == PASSED
    assert judged("x = 1", "assert x == 2", tags=inside)["verdict"] == "error"
    silent = "import sys\nget_ipython().input_transformers_cleanup.append(lambda lines: [])"
    assert judged(silent, "assert 1 == 2", tags=inside)["passed"] is False
