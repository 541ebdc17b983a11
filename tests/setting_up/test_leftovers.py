"""`clean` takes what can be made again, and nothing else."""

from course.setting_up import leftovers

AGAIN = (
    ".pytest_cache/v/cache",
    ".hypothesis/examples",
    "dist/two_bills.whl",
    "two_bills.egg-info/PKG-INFO",
    "course/llama/__pycache__/chat.pyc",
    "solutions/lab01_training_cost/lab01_training_cost.ipynb",
    "benchmarks/results/half.tmp",
)
KEPT = (
    "work/lab01/lab01.ipynb",
    "work/__pycache__/mine.pyc",
    "submitted/ada/lab01/lab01.ipynb",
    "ledger/results.jsonl",
    "gradebook.db",
    ".venv/lib/__pycache__/site.pyc",
    "solutions/lab01_training_cost.py",
    "solutions/my_notes/notes.txt",
    "notebooks/lab01/.ipynb_checkpoints/lab01.ipynb",
    "benchmarks/results/decode.json",
)


def test_only_what_can_be_made_again_goes(tmp_path):
    for name in AGAIN + KEPT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    leftovers.remove(leftovers.find(tmp_path))
    assert [name for name in KEPT if not (tmp_path / name).is_file()] == []
    assert [name for name in AGAIN if (tmp_path / name).exists()] == []
    assert leftovers.find(tmp_path) == []


def test_a_link_goes_and_what_it_points_to_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "marks").touch()
    (tmp_path / "dist").symlink_to(tmp_path / "elsewhere")
    leftovers.remove(leftovers.find(tmp_path))
    assert not (tmp_path / "dist").exists()
    assert (tmp_path / "elsewhere" / "marks").is_file()
