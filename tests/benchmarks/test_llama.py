"""The benchmark of course.llama: what it compares is compared for real, and stops it where it differs. No speeds."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cost, llama, llama_tools, numpy_quantizers
from course import paths
from course.setting_up import wheel

TOOLS = paths.cache_folder() / "tools" / f"{wheel.LLAMA_CPP_PYTHON}-{wheel.cpu_key()}" / "bin"
PRINTED = "perplexity: calculating\n[1]3.3809,[2]12.0000,\nFinal estimate: PPL = 12.0000 +/- 0.51\n"


@pytest.mark.skipif(not TOOLS.is_dir(), reason="llama.cpp's programs: python -m benchmarks.llama_tools compiles them")
def test_both_sides_agree_and_have_a_row_each() -> None:
    assert llama_tools.folder() == TOOLS
    report = llama.measure(rounds=1, n_threads=1, quick=True)
    peers = {*llama_tools.PROGRAMS, "the gguf package"} - {"llama-server"}
    assert {row["peer_name"] for row in report["rows"]} == peers
    for row in report["rows"]:
        assert row["ours"] > 0 and row["peer"] > 0 and row["ratio"] > 0, row
    assert json.loads(json.dumps(report)) == report


def test_what_llama_perplexity_prints_is_held_against_ours_to_the_last_digit() -> None:
    printed = llama._printed(PRINTED)
    assert printed == ["3.3809", "12.0000"]
    assert llama._same_digits([3.38094, 12.00004], printed)
    assert not llama._same_digits([3.38094, 12.00006], printed)
    assert not llama._same_digits([3.38094], printed)


def test_outcomes_that_differ_stop_it() -> None:
    contest = llama.Contest("a", "b", lambda: (1.0, 5), "c", lambda: (2.0, 5), "s", lambda mine, theirs: mine == theirs)
    contest.round(0)
    assert contest.row()["ratio"] == 2
    contest.peer = lambda: (2.0, 6)
    with pytest.raises(cost.Failed, match="b: 5 is not c's 6"):
        contest.round(1)


@pytest.mark.parametrize("kind", numpy_quantizers.TYPES)
def test_the_lab_s_quantizers_write_what_ggml_writes(kind: str, tmp_path: Path) -> None:
    function = numpy_quantizers.answer(*numpy_quantizers.TYPES[kind])
    numpy_quantizers.require_identical(function, kind, tmp_path)

    def off_by_a_bit(weights: np.ndarray) -> np.ndarray:
        blocks = function(weights).copy()
        blocks.flat[-1] ^= 1
        return blocks

    with pytest.raises(cost.Failed, match="otherwise than ggml"):
        numpy_quantizers.require_identical(off_by_a_bit, kind, tmp_path)
