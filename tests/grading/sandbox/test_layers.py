"""Parts that need no confined process: control groups, paths around hidden ones, policies as data."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from course.grading.sandbox import LAYERS, Limits, Policy, cgroup, elsewhere, identity, landlock, probe, probing

LIMITS = Limits(memory=1000, disk=24, processes=5)


class TestControlGroups:
    """A kernel fills a new folder of its own with files; here it is done beforehand."""

    def folder(self, root: Path, place: str, *files: str) -> Path:
        folder = root / place / f"two-bills-{os.getpid()}"
        folder.mkdir(parents=True)
        for file in files:
            (folder / file).touch()
        return folder

    @pytest.fixture(autouse=True)
    def made_by_the_kernel(self, monkeypatch: pytest.MonkeyPatch):
        made = Path.mkdir
        monkeypatch.setattr(Path, "mkdir", lambda path, mode=0o777, parents=False, **_: made(path, mode, parents, True))

    def membership(self, root: Path, text: str) -> Path:
        (root / "membership").write_text(text)
        return root / "membership"

    def test_version_1(self, tmp_path: Path):
        membership = self.membership(tmp_path, "8:pids:/a\n4:memory:/b/c\n1:cpu,cpuacct:/\n0::/\n")
        memory = self.folder(tmp_path, "memory/b/c", "memory.limit_in_bytes", "cgroup.procs")
        pids = self.folder(tmp_path, "pids/a", "pids.max", "cgroup.procs")
        group = cgroup.create(LIMITS, root=tmp_path, membership=membership)
        assert group and group.join()
        assert (memory / "memory.limit_in_bytes").read_text() == "1024"
        assert (pids / "pids.max").read_text() == "5"
        assert (memory / "cgroup.procs").read_text() == (pids / "cgroup.procs").read_text() == str(os.getpid())

    def test_version_2(self, tmp_path: Path):
        membership = self.membership(tmp_path, "0::/user.slice/run.scope\n")
        files = ("memory.max", "memory.swap.max", "pids.max", "cgroup.procs")
        folder = self.folder(tmp_path, "user.slice/run.scope", *files)
        group = cgroup.create(LIMITS, root=tmp_path, membership=membership)
        assert group and group.join()
        assert [(folder / file).read_text() for file in files] == ["1024", "0", "5", str(os.getpid())]

    def test_version_2_beside_a_group_that_lends_nothing(self, tmp_path: Path):
        membership = self.membership(tmp_path, "0::/user.slice/run.scope\n")
        (tmp_path / "user.slice" / "run.scope").mkdir(parents=True)
        folder = self.folder(tmp_path, "user.slice", "memory.max", "pids.max", "cgroup.procs")
        group = cgroup.create(LIMITS, root=tmp_path, membership=membership)
        assert group == cgroup.Group((folder,))

    def test_it_goes_without(self, tmp_path: Path):
        assert cgroup.create(LIMITS, root=tmp_path, membership=tmp_path / "none") is None
        assert cgroup.create(LIMITS, root=tmp_path, membership=self.membership(tmp_path, "0::/\n")) is None
        assert cgroup.create(LIMITS, root=tmp_path, membership=self.membership(tmp_path, "3:cpu:/\n")) is None
        assert not cgroup.Group((tmp_path / "gone",)).join()

    def test_what_killed_keepers_left_is_taken_away(self, tmp_path: Path):
        membership = self.membership(tmp_path, "8:pids:/\n4:memory:/\n")
        left, alive = tmp_path / "pids" / "two-bills-0", tmp_path / "pids" / "two-bills-1"
        left.mkdir(parents=True)
        alive.mkdir()
        cgroup.create(LIMITS, root=tmp_path, membership=membership)
        assert not left.exists()
        assert alive.exists()

    def test_it_is_removed(self, tmp_path: Path):
        (tmp_path / "group").mkdir()
        cgroup.Group((tmp_path / "group", tmp_path / "gone")).remove()
        assert [path.name for path in tmp_path.iterdir()] == []


class TestPathsAroundHiddenOnes:
    def test_siblings_are_readable_and_the_way_is_listed(self, tmp_path: Path):
        for place in ("a/b/c", "a/b/d", "a/e"):
            (tmp_path / place).mkdir(parents=True)
        (tmp_path / "a" / "link").symlink_to("b")
        listed, read = landlock.around([str(tmp_path / "a"), "/usr"], [str(tmp_path / "a" / "b" / "c")])
        assert set(listed) == {str(tmp_path / "a"), str(tmp_path / "a" / "b")}
        assert set(read) == {"/usr", str(tmp_path / "a" / "e"), str(tmp_path / "a" / "b" / "d")}

    def test_hidden_by_its_link_or_from_above(self, tmp_path: Path):
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        assert landlock.around([str(tmp_path / "real")], [str(tmp_path / "link")]) == ([], [])
        assert landlock.around([str(tmp_path / "real")], [str(tmp_path)]) == ([], [])

    def test_a_name_that_begins_alike_is_another(self, tmp_path: Path):
        for name in ("model", "model2"):
            (tmp_path / name).mkdir()
        assert landlock.around([str(tmp_path / "model2")], [str(tmp_path / "model")])[1] == [str(tmp_path / "model2")]


def test_a_policy_crosses_as_json():
    policy = Policy("/job", None, shared=("/s",), readable=("/usr",), hidden=("/usr/x",), limits=Limits(memory=7))
    assert Policy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_where_work_is_done():
    policy = Policy("/job", None)
    assert (policy.workplace, policy.temporary) == ("/submission", "/tmp")
    bare = replace(policy, layers=LAYERS[1:])
    assert (bare.workplace, bare.temporary) == ("/job/work", "/job/tmp")


def test_closed_folders_are_noticed(tmp_path: Path):
    closed, opened = tmp_path / "closed", tmp_path / "open"
    (closed / "inside").mkdir(parents=True)
    opened.mkdir()
    closed.chmod(0o700)
    opened.chmod(0o755)
    assert str(closed) in identity.on_the_way([str(closed / "inside")])
    assert identity.any_closed([str(closed)])
    assert not identity.any_closed([str(opened), str(tmp_path / "missing")])


def test_probing_never_raises(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(probing, "enter", refuse)
    assert probe() == ()
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert probe() == ()


def test_other_systems_have_no_sandbox():
    assert elsewhere.probe() == ()
    with pytest.raises(OSError, match="Linux"):
        elsewhere.enter(Policy("/job", None))
