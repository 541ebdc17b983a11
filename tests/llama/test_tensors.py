"""The header's reader against the gguf package's, on the models that are here; and files that are none."""

import struct

import gguf
import pytest

from course import models
from course.llama import header, tensors


@pytest.mark.parametrize("name", ["two-bills-code", "smollm2"])
def test_tensors_and_metadata_are_what_the_gguf_package_reads(name):
    file = models.path(name)
    ours, theirs = header.read(file), gguf.GGUFReader(file)
    assert [(t.name, t.type, t.shape, t.n_bytes, t.offset, t.n_weights) for t in ours.tensors] == [
        (t.name, t.tensor_type.name, tuple(map(int, t.shape)), t.n_bytes, t.data_offset, t.n_elements)
        for t in theirs.tensors
    ]
    fields = {key: field.contents() for key, field in theirs.fields.items() if not key.startswith("GGUF.")}
    assert ours.metadata == fields
    assert ours.architecture == "llama"
    assert ours.context_length == fields["llama.context_length"]


def test_the_types_are_ggml_s():
    known = {t.value: (t.name, *size) for t, size in gguf.GGML_QUANT_SIZES.items() if t.value in header.TYPES}
    assert len(known) > 30
    assert {number: header.TYPES[number] for number in known} == known


def test_bits_count_scales_and_norms(code, smollm2):
    assert tensors.types(smollm2) == {"Q4_1": 210, "F32": 61, "Q8_0": 1}
    assert tensors.bits_per_weight(smollm2) == pytest.approx(5.74, abs=0.01)
    assert set(tensors.types(code)) == {"F16", "F32"}
    assert 16 < tensors.bits_per_weight(code) < 16.05
    assert 0.95 * code.stat().st_size < tensors.weight_bytes(code) < code.stat().st_size


@pytest.mark.parametrize("kept", [0, 3, 11, 30, 2000, 0.5, -1])
def test_a_file_that_has_been_cut_off_is_named(code, tmp_path, kept):
    content = code.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(header.NotAModel, match=r"cut\.gguf is not a whole GGUF file: .*(cut off|empty|begins with)"):
        tensors.read(tmp_path / "cut.gguf")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"these are notes", "begins with b'thes'"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "version 50331648"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", 99),
            "unknown kind 99",
        ),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<QcIQIQ", 1, b"t", 1, 32, 250, 0), "type 250"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<QcIQIQ", 1, b"t", 1, 33, 2, 0), "multiples of 32"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<QcI", 1, b"t", 9), "9 dimensions"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2) + b"\xff\xfe" + bytes(9), "utf-8"),
    ],
)
def test_a_file_that_is_no_model_says_why(tmp_path, content, said):
    (tmp_path / "bad.gguf").write_bytes(content)
    with pytest.raises(header.NotAModel, match=rf"bad\.gguf is not a whole GGUF file: .*{said}"):
        tensors.read(tmp_path / "bad.gguf")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for file in (tmp_path / "nowhere.gguf", tmp_path):
        with pytest.raises(header.NotAModel, match=f"{file.name}: "):
            tensors.read(file)
