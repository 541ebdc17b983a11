import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import frictionless
import pandas as pd
import pytest
from typer.testing import CliRunner

from course import data, paths
from course.cli import app

CHECKOUT = Path(__file__).resolve().parents[1]
PUBLISHED = [
    "accelerators",
    "gpu_hour_prices",
    "training_runs",
    "energy",
    "gpt4_claims",
    "quantization",
    "llama_bench",
    "scaling_laws",
    "api_prices",
    "inference_share",
    "device_prices",
    "chat_usage",
    "algeria",
    "quantization_loss",
    "model_shapes",
    "step_times",
    "finetuning",
]
MEASURED = [
    "h100_models",
    "h100_ceilings",
    "h100_prefill",
    "h100_decode",
    "h100_training",
    "isoflop",
    "isoflop_curves",
    "isoflop_corpus",
    "tokens_per_language",
]
CASES = ["case_keys", "case_algeria", "case_university", "case_company", "case_blank", "claims"]
EVALUATION = ["evaluation_items", "evaluation_answers"]
NAMES = [*PUBLISHED, "texts", "symbols", *MEASURED, *CASES, *EVALUATION]
# No findings: nothing to be evidence for.
MADE = ["symbols", "evaluation_items", *(name for name in CASES if name != "claims")]
WITHOUT_ID = ["isoflop_curves", "evaluation_answers", *(name for name in CASES if name.startswith("case_"))]

# 6ND / (hours x peak) of the 28 runs with explicit inputs and hours, computed by other hands from the same papers.
IMPLIED_MFU = {
    "Gopher 280B": 0.302,
    "PaLM 540B": 0.304,
    "MT-NLG 530B, one step": 0.298,
    "BLOOM-176B": 0.318,
    "BloombergGPT 50B": 0.239,  # 139,200 steps x 32.5 s; "~53 days" would be 0.236
    "LLaMA-7B": 0.434,
    "LLaMA-13B": 0.514,
    "LLaMA-33B": 0.458,
    "LLaMA-65B": 0.477,
    "Llama 2 7B": 0.391,
    "Llama 2 13B": 0.377,
    "Llama 2 34B": 0.350,
    "Llama 2 70B": 0.428,
    "Llama 3.1 405B": 0.346,
    "MPT-7B": 0.357,
    "DeepSeek LLM 67B": 0.376,
    "DeepSeek-V2": 0.205,
    "DeepSeek-V3 (pre-training)": 0.346,
    "Pythia-70M": 0.221,
    "Pythia-160M": 0.253,
    "Pythia-410M": 0.256,
    "Pythia-1B": 0.336,
    "Pythia-1.4B": 0.318,
    "Pythia-2.8B": 0.312,
    "Pythia-6.9B": 0.328,
    "Pythia-12B": 0.262,
    "SmolLM3-3B": 0.262,
    "StarCoderBase-15.5B": 0.281,  # the card's 24 days; the paper's quoted 320,256 h would be 0.259
}


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A function that edits one file of a copy of the package and has `course.data` read the copy."""
    copy = tmp_path / "datasets"
    shutil.copytree(paths.datasets(), copy, ignore=shutil.ignore_patterns("models", "programs", "reference_machine"))
    monkeypatch.setattr(paths, "datasets", lambda: copy)

    def edit(file, old, new):
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text
        (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def named_by(file):
    """The table's name: that of its resource, by the file."""
    package = json.loads((paths.datasets() / "datapackage.json").read_text(encoding="utf-8"))
    return next(resource["name"] for resource in package["resources"] if resource["path"] == file)


def implied_mfu():
    runs = data.load("training_runs").set_index("name")
    peak = runs["device"].map(data.load("accelerators").set_index("name")["dense_flop_per_s"])
    return 6 * runs["n_active_params"] * runs["n_tokens"] / (runs["device_hours"] * 3600 * peak)


def test_the_package_is_valid_foreign_keys_included():
    report = frictionless.validate(str(paths.datasets() / "datapackage.json"))
    assert report.valid, report.flatten(["name", "rowNumber", "fieldName", "message"])
    assert [task.name for task in report.tasks] == NAMES


def test_the_schema_says_what_every_field_means():
    package = json.loads((paths.datasets() / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        for field in resource["schema"]["fields"]:
            assert field["description"].endswith("."), field["name"]
            assert field["type"] == "string" or "unit" in field or field["name"] in ("value", "low", "high")
        assert set(resource["shown"]) <= {field["name"] for field in resource["schema"]["fields"]}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_row_is_sourced_and_dated(name):
    rows = data.load(name)
    assert len(rows) > 2
    assert rows["source_url"].str.match(r"https?://[^\s/]+\.[a-z]+(/|$)").all()
    assert (rows["source_title"].str.len() > 5).all()
    assert pd.to_datetime(rows["source_date"], format="ISO8601").between("2015", "2026-12-31").all()


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_was_only_quoted_says_so(name):
    rows = data.load(name)
    assert set(rows["evidence"]) <= {"primary", "quoted"}
    assert rows.loc[rows["evidence"] == "quoted", "note"].str.contains("[Rr]ead (?:in|once)|not opened").all()
    assert not rows["note"].str.contains("file id").any()


def test_every_run_below_grade_a_says_why():
    runs = data.load("training_runs")
    assert (runs.loc[runs["grade"] != "A", "note"].str.len() > 10).all()
    complete = runs[runs["grade"] != "excluded"][["n_active_params", "n_tokens", "device_hours"]]
    assert complete.notna().all(axis=None)
    assert (runs["n_params"].fillna(1) >= runs["n_active_params"].fillna(1)).all()


def test_hours_imply_the_known_utilisation():
    runs = data.load("training_runs")
    grade_a = runs.loc[runs["grade"] == "A", "name"]
    mfu = implied_mfu()
    assert sorted(grade_a) == sorted(IMPLIED_MFU)
    for name, expected in IMPLIED_MFU.items():
        assert mfu[name] == pytest.approx(expected, rel=0.01), name
    assert mfu[grade_a].median() == pytest.approx(0.323, rel=0.01)
    assert mfu["GPT-4 (leak)"] == pytest.approx(0.341, rel=0.01)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("GPT-3 175B", 0.01),
        ("Llama 3.1 405B", 0.01),
        ("PaLM 540B", 0.015),
        ("Chinchilla 70B", 0.025),
        ("GPT-4 (leak)", 0.02),
    ],
)
def test_six_nd_reconciles_with_the_published_flop(name, tolerance):
    run = data.load("training_runs").set_index("name").loc[name]
    assert 6 * run["n_active_params"] * run["n_tokens"] == pytest.approx(run["flop_published"], rel=tolerance)


def test_energy_reconciles_with_hours_watts_and_pue():
    run = data.load("training_runs").set_index("name").loc["LLaMA-65B"]
    energy = data.load("energy").set_index(["kind", "name"])["value"]
    watts = data.load("accelerators").set_index("name").loc[run["device"], "tdp_w"]
    mwh = run["device_hours"] * watts * energy["pue", "LLaMA (assumed)"] / 1e6
    assert mwh == pytest.approx(energy["training energy", "LLaMA-65B"], rel=0.01)
    assert run["energy_mwh"] == energy["training energy", "LLaMA-65B"]


def test_derived_hours_are_their_factors():
    runs = data.load("training_runs")
    whole = runs[(runs["device_hours_kind"] == "derived") & runs["devices"].notna() & runs["days"].notna()]
    whole = whole[whole["name"] != "PaLM 540B"]  # half of the chips for its last fortnight
    assert len(whole) > 8
    for _, run in whole.iterrows():
        assert run["devices"] * run["days"] * 24 == pytest.approx(run["device_hours"], rel=0.01), run["name"]


@pytest.mark.parametrize(
    ("provider", "device", "price_type", "year", "usd"),
    [
        ("AWS", "A100 40GB", "on-demand", "2021", 4.10),
        ("AWS", "A100 40GB", "1-year", "2021", 2.40),
        ("Lambda", "A100 40GB", "on-demand", "2025", 1.29),
        ("SemiAnalysis", "A100 40GB", "assumed", "2023", 1.0),
        ("DeepSeek", "H800", "assumed", "2024", 2.0),
        ("AWS", "H100 SXM", "on-demand", "2025", 12.29),
    ],
)
def test_the_prices_that_lab_1_discusses_are_there(provider, device, price_type, year, usd):
    rows = data.load("gpu_hour_prices")
    rows = rows[(rows["provider"] == provider) & (rows["device"] == device) & (rows["price_type"] == price_type)]
    assert usd in rows.loc[rows["date"].str.startswith(year), "usd_per_gpu_hour"].tolist()


def test_gpt4s_bills_are_told_apart():
    claims = data.load("gpt4_claims")
    bills = claims[claims["quantity"] == "usd"].groupby("bill")["value"].min()
    assert bills["amortised"] < bills["rental"] < 1e8 < bills["purchase"]
    assert claims.loc[(claims["quantity"] == "usd") & (claims["bill"] == ""), "low"].tolist() == [1e8]  # scope not said


def test_quantized_sizes_are_bits_times_weights():
    rows = data.load("quantization")
    n_weights = 8 * rows["size_gib"] * 2**30 / rows["bits_per_weight"]
    assert n_weights.to_numpy() == pytest.approx(8.03e9, rel=0.004)  # GiB have three digits


def test_decoding_moves_fewer_bytes_per_second_with_fewer_bits():
    rows = data.load("quantization").set_index("type")
    bandwidth = rows["size_gib"] * 2**30 * rows["tg128_tokens_per_s"]
    expected = {"F16": 469e9, "Q8_0": 435e9, "Q4_K_M": 354e9, "Q2_K": 253e9, "IQ1_S": 160e9}
    assert {name: bandwidth[name] for name in expected} == pytest.approx(expected, rel=0.005)


def test_on_a_cpu_decoding_stops_gaining_before_prefill_does():
    rows = data.load("llama_bench")
    speed = rows.pivot(index="n_threads", columns="phase", values="tokens_per_s")
    assert speed.index.tolist() == [1, 2, 4, 8, 16, 32]
    assert speed["decode"].idxmax() == 8 and speed["prefill"].idxmax() == 32
    size_bytes = rows["size_gib"].iloc[0] * 2**30
    assert speed["decode"].max() * size_bytes == pytest.approx(63.9e9, rel=0.001)


def test_load_gives_exactly_what_the_file_says():
    with (paths.datasets() / "training_runs.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    runs = data.load("training_runs")
    assert list(runs.columns) == list(cells[0])
    assert runs["year"].dtype == "int64" and runs["n_tokens"].dtype == "float64"
    for name in ("n_tokens", "device_hours", "mfu_published"):
        assert [float(row[name] or "nan") for row in cells] == pytest.approx(runs[name].tolist(), rel=0, nan_ok=True)
    assert runs["device"].tolist() == [row["device"] for row in cells]
    assert pd.read_csv(paths.datasets() / "training_runs.csv")["n_tokens"].equals(runs["n_tokens"])


def test_a_table_saved_by_a_spreadsheet_still_loads(edited):
    table = paths.datasets() / "energy.csv"
    text = table.read_text(encoding="utf-8")
    before = data.load("energy")
    table.write_text("\ufeff" + text.replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert data.load("energy").equals(before)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "training_runs.csv",
            "DeepMind,2021,2.8e11,2.8e11,3e11,",
            "DeepMind,2021,2.8e11,2.8e11,abc,",
            "training_runs.csv, row 8, column n_tokens: 'abc' is not a number",
        ),
        ("training_runs.csv", "OpenAI,2020", "OpenAI,2020.5", "row 7, column year: '2020.5' is not an integer"),
        ("training_runs.csv", ",Google,2022,", ",,2022,", "row 10, column org: is empty"),
        ("training_runs.csv", "0.457", "45.7", "row 10, column mfu_published: 45.7 is not between 0 and 1"),
        ("training_runs.csv", "0.457", "nan", "row 10, column mfu_published: 'nan' is not a number"),
        (
            "training_runs.csv",
            "TPU v4,6144",
            "TPU v9,6144",
            "column device: 'TPU v9' is not in accelerators, column name",
        ),
        ("training_runs.csv", "PaLM 540B,", "Gopher 280B,", "row 10, column name: 'Gopher 280B' is there twice"),
        ("training_runs.csv", "name,org,", "name,who,", "row 1, column org: is missing"),
        ("training_runs.csv", "gopher-280b,", "GOPHER,", "row 8, column id: 'GOPHER' does not have the form"),
        ("training_runs.csv", "palm-540b,", "gopher-280b,", "row 10, column id: 'gopher-280b' is there twice"),
        (
            "training_runs.csv",
            "energy_mwh,grade",
            "energy_mwh,grade,grade",
            "column grade: is not in the schema, or there twice",
        ),
        ("training_runs.csv", "PaLM 540B,Google", "PaLM 540B,Google,", "row 10: 26 cells for 25 columns"),
        (
            "measured/isoflop.csv",
            ",8192,0.004,",
            ",-1,0.004,",
            "row 2, column batch_tokens: -1 is not between 1 and inf",
        ),
        (
            "energy.csv",
            "pue,Google fleet,world,2021,1.1",
            "pue,Google fleet,world,2025,1.1",
            "row 3, column kind, name, year: 'pue, Google fleet, 2025' is there twice",
        ),
        ("measured/isoflop_curves.csv", "2x128-3e14-b8192,", "9x9,", "row 2, column run: '9x9' is not in isoflop"),
        (
            "measured/h100_decode.csv",
            ",smollm2-135m,1,",
            ",gpt-5,1,",
            "column model: 'gpt-5' is not in h100_models, column id",
        ),
        (
            "cases/company.csv",
            "users,500,",
            "users,five hundred,",
            "row 4, column value: 'five hundred' is not a number",
        ),
        ("cases/algeria.csv", "pue,1.54,", "puee,1.54,", "column key: 'puee' is not in case_keys, column key"),
        ("cases/university.csv", ",judgement,", ",guess,", "column kind: 'guess' is not one of: given, sourced,"),
        ("cases/claims.csv", "C4,", "C9,", "row 5, column id: 'C9' does not have the form ^C[1-8]$"),
        ("texts.csv", "texts/english.txt", "/etc/passwd", "row 2, column path: '/etc/passwd' does not have the form"),
        ("energy.csv", ",quoted,", ",rumour,", "column evidence: 'rumour' is not one of: primary, quoted, measured"),
        ("energy.csv", "2022-04-13,", "13 April,", "column source_date: '13 April' does not have the form"),
        ("energy.csv", "AWS fleet,world", 'AWS fleet,"world', "energy.csv, row 4: "),
    ],
)
def test_a_broken_table_is_named_with_file_row_column_and_value(edited, file, old, new, message):
    edited(file, old, new)
    with pytest.raises(data.DataError) as caught:
        data.load(named_by(file))
    assert str(caught.value).startswith(f"datasets/{file}")
    assert message in str(caught.value)


def test_a_table_that_is_no_text_or_gone_is_one_clear_line(edited):
    table = paths.datasets() / "energy.csv"
    table.write_bytes(b"kind,name\n\xff\xfe\n")
    with pytest.raises(data.DataError, match=r"^datasets/energy.csv"):
        data.load("energy")
    table.unlink()
    with pytest.raises(data.DataError, match=r"^datasets/energy.csv cannot be read: .*No such file"):
        data.load("energy")


def test_a_broken_description_is_one_clear_line(edited):
    edited("datapackage.json", "{", "{{")
    with pytest.raises(data.DataError, match=r"^datasets/datapackage.json cannot be read: "):
        data.tables()


def test_an_unknown_table_lists_the_known_ones():
    with pytest.raises(data.DataError) as caught:
        data.load("acelerators")
    assert "'acelerators'" in str(caught.value)
    assert all(name in str(caught.value) for name in NAMES)


def test_a_row_is_cited_by_its_table_and_id():
    assert data.row("training_runs/gopher-280b")["name"] == "Gopher 280B"
    assert data.row("accelerators/h100-sxm")["dense_flop_per_s"] == 9.89e14


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("gopher-280b", "'gopher-280b' does not have the form table/id"),
        ("training_runs/gopher", "no row is called 'gopher' in datasets/training_runs.csv, column id"),
        ("training_runs/", "no row is called '' in datasets/training_runs.csv, column id"),
        ("runs/gopher-280b", "no table is called 'runs'"),
    ],
)
def test_a_row_that_is_not_there_is_named(reference, message):
    with pytest.raises(data.DataError) as caught:
        data.row(reference)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_ID])
def test_every_row_has_an_id_that_can_be_cited(name):
    rows = data.load(name)
    assert rows.columns[0] == "id"
    assert all(data.row(f"{name}/{one}")["id"] == one for one in rows["id"])


def test_a_text_that_was_changed_or_is_gone_is_one_clear_line(edited):
    edited("texts/arabic.txt", "الديباجة", "")
    with pytest.raises(
        data.DataError, match=r"^datasets/texts/arabic.txt has 13649 bytes, datasets/texts.csv says 13665$"
    ):
        data.text("arabic")
    (paths.datasets() / "texts" / "arabic.txt").unlink()
    with pytest.raises(data.DataError, match=r"^datasets/texts/arabic.txt cannot be read: .*No such file"):
        data.text("arabic")
    with pytest.raises(data.DataError, match="no text is called 'klingon'; there are: english, french, arabic"):
        data.text("klingon")


def test_a_text_is_the_same_with_the_line_ends_of_another_system(edited):
    path, before = paths.datasets() / "texts" / "french.txt", data.text("french")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert data.text("french") == before


def test_the_data_card_counts_what_is_there():
    card = (paths.datasets() / "README.md").read_text(encoding="utf-8")
    for table in data.tables():
        counts = [table.rows, *table.evidence.values()] if table.name in PUBLISHED else [table.rows]
        assert f"| {table.name} | {' | '.join(map(str, counts))} |" in card


def test_the_command_lists_the_tables():
    run = CliRunner().invoke(app, ["data"])
    assert run.exit_code == 0
    assert all(name in run.stdout for name in NAMES)
    listed = json.loads(CliRunner().invoke(app, ["data", "--json"]).stdout)
    assert [table["name"] for table in listed] == NAMES
    for table in listed:
        kinds = sum(table["evidence"].values())
        assert kinds == (0 if table["name"] in MADE else 3 if table["name"] == "claims" else table["rows"])


def test_the_command_shows_a_measured_table_with_its_card():
    run = CliRunner().invoke(app, ["data", "h100_training"])
    assert run.exit_code == 0 and "Sources" not in run.stdout
    assert "measured/README.md" in run.stdout and "compiled" in run.stdout


def test_the_command_shows_a_table_with_its_sources():
    run = CliRunner().invoke(app, ["data", "training_runs"])
    assert run.exit_code == 0
    assert "…" not in run.stdout and "DeepSeek-V3" in run.stdout
    assert all(url in run.stdout for url in data.load("training_runs")["source_url"])
    rows = json.loads(CliRunner().invoke(app, ["data", "training_runs", "--json"]).stdout)
    assert len(rows) == 64 and rows[0]["device_hours"] is None and rows[0]["note"]


def test_the_command_shows_a_case_with_every_key_whole():
    run = CliRunner().invoke(app, ["data", "case_algeria"])
    assert run.exit_code == 0 and "…" not in run.stdout
    assert all(key in run.stdout for key in data.load("case_algeria")["key"])
    assert "cases/README.md" in run.stdout


def test_the_command_refuses_an_unknown_table_in_one_line():
    run = CliRunner().invoke(app, ["data", "prices"])
    assert run.exit_code == 2 and run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert all(name in run.stderr for name in NAMES)


@pytest.mark.parametrize("arguments", [["data"], ["data", "training_runs"], ["data", "training_runs", "--json"]])
def test_the_command_names_a_broken_cell_in_one_line(edited, arguments):
    edited("training_runs.csv", "2.8e11,2.8e11,3e11,", "2.8e11,2.8e11,lots,")
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 2
    assert run.stderr == "datasets/training_runs.csv, row 8, column n_tokens: 'lots' is not a number\n"


def test_the_datasets_load_from_an_installed_wheel_in_any_folder(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    built = subprocess.run(build, cwd=CHECKOUT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(installed)
    ours = {path.relative_to(CHECKOUT / "datasets") for path in (CHECKOUT / "datasets").rglob("*.*") if path.is_file()}
    shipped = {
        path.relative_to(installed / "course/datasets")
        for path in installed.rglob("*.*")
        if path.is_file() and "datasets" in path.parts
    }
    assert shipped == {path for path in ours if "__pycache__" not in path.parts}
    program = "from course import data, paths; print(paths.datasets(), *(table.rows for table in data.tables()))"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    expected = [str(len(data.load(name))) for name in NAMES]
    assert run.stdout.split() == [str(installed / "course" / "datasets"), *expected]
