"""The configurations for clusters, against the defaults, schemas and command lines of the libraries that read them."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

import course
from course import paths

DEPLOY = paths.PACKAGE.parent / "deploy"
SLURM = DEPLOY / "slurm" / "jobqueue.yaml"
K8S = DEPLOY / "k8s" / "cluster.yaml"


def shipped(package: str, *parts: str) -> Any:
    """A YAML file of an installed package; the test is skipped where that is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"needs {package}: pip install {package.replace('_', '-')}")
    return yaml.safe_load(Path(spec.submodule_search_locations[0], *parts).read_text())


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def strangers(value: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """What an OpenAPI schema does not know of a value: a cluster would drop it, silently."""
    if isinstance(value, list):
        return [one for item in value for one in strangers(item, schema.get("items", {}), path)]
    known = schema.get("properties")
    if not isinstance(value, dict) or known is None:
        return []
    inner = [one for key in value.keys() & known.keys() for one in strangers(value[key], known[key], f"{path}.{key}")]
    return [f"{path}.{key}" for key in value.keys() - known.keys()] + inner


def containers() -> dict[str, dict[str, Any]]:
    spec = read(K8S)["spec"]
    return {role: spec[role]["spec"]["containers"][0] for role in ("worker", "scheduler")}


def test_slurm_sets_only_what_dask_jobqueue_knows() -> None:
    known = shipped("dask_jobqueue", "jobqueue.yaml")["jobqueue"]["slurm"]
    ours = read(SLURM)["jobqueue"]["slurm"]
    assert ours.keys() <= known.keys()
    assert not {key for key in ours if ours[key] is not None and "deprecated" in str(known[key])}


def test_a_slurm_job_starts_workers_of_one_thread() -> None:
    jobqueue = pytest.importorskip("dask_jobqueue", reason="needs dask_jobqueue: pip install dask-jobqueue")
    import dask

    settings = dask.config.merge(dask.config.config, read(SLURM))
    here = {"host": "127.0.0.1", "dashboard": False}
    with dask.config.set(settings), jobqueue.SLURMCluster(scheduler_options=here) as cluster:
        script = cluster.job_script()
        assert cluster.scheduler.allowed_failures == 2
    assert "#SBATCH -J two-bills" in script and "#SBATCH --cpus-per-task=4" in script
    assert "--nthreads 1 " in script and "--nworkers 4 " in script


def test_kubernetes_s_manifest_is_as_the_operator_s_schema_says() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    place = ("operator", "deployment", "helm", "dask-kubernetes-operator", "crds", "daskcluster.yaml")
    resource = shipped("dask_kubernetes", *place)
    ours = read(K8S)
    assert ours["kind"] == resource["spec"]["names"]["kind"]
    [version] = [v for v in resource["spec"]["versions"] if ours["apiVersion"].endswith(f"/{v['name']}")]
    schema = version["schema"]["openAPIV3Schema"]
    assert ours["apiVersion"].startswith(resource["spec"]["group"])
    jsonschema.validate(ours, schema)
    assert not strangers(ours["spec"], schema["properties"]["spec"])
    assert strangers({"worker": {"spec": {"containers": [{"argz": []}]}}}, schema["properties"]["spec"])


def test_kubernetes_s_command_lines_are_dask_s() -> None:
    pytest.importorskip("distributed", reason='needs Dask: pip install "distributed>=2024.8"')
    from distributed.cli import dask_scheduler, dask_worker

    at = containers()
    assert [c["args"][:2] for c in at.values()] == [["dask", "worker"], ["dask", "scheduler"]]
    context = dask_worker.main.make_context("worker", [*at["worker"]["args"][2:]])
    assert context.params["nthreads"] == 1
    dask_scheduler.main.make_context("scheduler", [*at["scheduler"]["args"][2:]])


def test_kubernetes_s_pods_have_no_privileges_and_this_version() -> None:
    for role, container in containers().items():
        pod = read(K8S)["spec"][role]["spec"]
        assert container["image"] == f"two-bills:{course.__version__}"
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize("path", [SLURM, K8S])
def test_three_workers_are_the_most_that_a_submission_kills(path: Path) -> None:
    if path == SLURM:
        allowed = read(path)["distributed"]["scheduler"]["allowed-failures"]
    else:
        [setting] = [e for e in containers()["scheduler"]["env"] if e["name"].endswith("__ALLOWED_FAILURES")]
        allowed = int(setting["value"])
    assert allowed == 2


@pytest.mark.parametrize("readme", sorted(DEPLOY.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_what_is_untried_is_said(readme: Path) -> None:
    assert "**it has not been tried on a real" in readme.read_text().replace("\n", " ")
