"""Downloads from the Hugging Face hub, by its own library: all files are of one revision, which is resolved first."""

from dataclasses import dataclass
from pathlib import Path

from course.models import store
from course.models.catalogue import MODELS
from course.models.model import ModelError, Report
from course.models.watch import watching

_NEEDED = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclass(frozen=True)
class Revision:
    """One state of a repository, by its commit: the files that make the model, and their checksums where known."""

    repository: str
    commit: str
    sizes_bytes: dict[str, int]
    sha256: dict[str, str]

    @property
    def files(self) -> list[str]:
        return list(self.sizes_bytes)


def resolve(repository: str, *, file: str | None = None, revision: str | None = None) -> Revision:
    """What `revision` (a branch, tag or commit; by default the main branch) holds now.

    `file` is one GGUF file of the repository; without it, its only one, or all that a conversion needs where there is
    none. Raises ModelError.
    """
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=30)
    except Exception as error:  # its errors are other classes in each major version, without a base of their own
        raise _failed(repository, error) from error
    found = {one.rfilename: one for one in info.siblings or ()}
    wanted = _wanted(repository, list(found), file)
    return Revision(
        repository=repository,
        commit=info.sha or "",
        sizes_bytes={name: found[name].size or 0 for name in wanted},
        sha256={name: large.sha256 for name in wanted if (large := found[name].lfs)},
    )


def download(revision: Revision, folder: Path, report: Report) -> None:
    """Get the files of `revision` into `folder`, each as large and with the checksum that the hub gives of it.

    Raises ModelError, also for a disk without room.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars

    total_bytes = sum(revision.sizes_bytes.values())
    store.check_space(revision.repository, total_bytes)
    disable_progress_bars()
    with watching(folder, total_bytes, report):
        for name, size_bytes in revision.sizes_bytes.items():
            try:
                hf_hub_download(revision.repository, name, revision=revision.commit, local_dir=folder)
            except Exception as error:
                raise _failed(f"{revision.repository}:{name}", error) from error
            got = folder / name
            known = revision.sha256.get(name)
            if (size_bytes and got.stat().st_size != size_bytes) or (known and store.sha256(got) != known):
                raise ModelError(f"{revision.repository}:{name} arrived damaged (size or checksum): fetch it again")


def _wanted(repository: str, names: list[str], file: str | None) -> list[str]:
    if file is not None:
        if file not in names:
            raise ModelError(f"{repository} has no file {file}; it has: {', '.join(names)}")
        return [file]
    models = [name for name in names if name.endswith(".gguf")]
    if len(models) > 1:
        raise ModelError(f"{repository} has {len(models)} models; name one, as in {repository}:{models[0]}")
    if models:
        return models
    weights = [name for name in names if name.endswith((".safetensors", ".safetensors.index.json")) and "/" not in name]
    if "config.json" not in names or not weights:
        raise ModelError(f"{repository} has neither a GGUF file nor config.json with safetensors")
    return [name for name in names if name in _NEEDED] + weights


def _failed(what: str, error: Exception) -> ModelError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ModelError(
        f"{what} cannot be had from the hub: are you online, and is the name right? ({reason[:200]}); "
        f"{', '.join(MODELS)} need no hub"
    )
