"""Archives and names of data from people who mean harm: nothing is written elsewhere, and nothing grows without bound.

`python -m packages.sources.test_hostile` (with tests/ on the path) prints what each case was told.
"""

import gzip
import io
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadsman_package import archives, naming
from leadsman_package.errors import PackageError
from leadsman_package.fetching import fetch
from leadsman_package.resolving import resolve
from packages.sources import models
from packages.sources.fetching import digest_of, files_in

MODEL = models.with_data_in()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = MODEL, **fields: object) -> bytes:
    """A tar of one member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = len(content) if kind == tarfile.REGTYPE else 0
        for field, value in fields.items():
            setattr(info, field, value)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def link_then_file() -> bytes:
    """A link out of the directory, and a file by way of it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
        archive.addfile(link)
        file = tarfile.TarInfo("out/model.onnx")
        file.size = len(MODEL)
        archive.addfile(file, io.BytesIO(MODEL))
    return out.getvalue()


def zip_link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("model.onnx")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("model.onnx", "w") as file:
        for _ in range(20):
            file.write(bytes(1 << 20))
    return out.getvalue()


def encrypted() -> bytes:
    body = bytearray(models.zipped({"model.onnx": MODEL}))
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = body.index(signature) + at
        body[place : place + 2] = struct.pack("<H", 1)
    return bytes(body)


def many() -> bytes:
    return models.tar({f"f{number}": b"" for number in range(archives.MOST_FILES + 1)})


def twice() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for content in (b"good", b"evil"):
            info = tarfile.TarInfo("model.onnx")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def long_header() -> bytes:
    """A name of 100 MB, which would be held in memory."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 100 << 20
    return gzip.compress(info.tobuf() + b"a" * info.size, compresslevel=1)


Archive = Callable[[], bytes]
ARCHIVES: dict[str, tuple[str, Archive, str]] = {
    "a name that climbs out": ("m.tar", lambda: member("../evil"), "it leads outside the model's directory"),
    "a name that climbs out, deeper": ("m.tar", lambda: member("a/../../evil"), "it leads outside the model's"),
    "an absolute name": ("m.tar", lambda: member("/tmp/evil"), "it leads outside the model's directory"),
    "a name that climbs out of a zip": ("m.zip", lambda: models.zipped({"../evil": b""}), "it leads outside"),
    "an absolute name in a zip": ("m.zip", lambda: models.zipped({"/tmp/evil": b""}), "it leads outside"),
    "a name as Windows has it": ("m.zip", lambda: models.zipped({"..\\evil": b""}), "it leads outside"),
    "a symbolic link": ("m.tar", lambda: member("model.onnx", tarfile.SYMTYPE, "/etc/passwd"), "no ordinary file"),
    "a hard link": ("m.tar", lambda: member("model.onnx", tarfile.LNKTYPE, "/etc/passwd"), "no ordinary file"),
    "a symbolic link in a zip": ("m.zip", zip_link, "no ordinary file; links and devices are not taken"),
    "a link and a file by way of it": ("m.tar", link_then_file, "'out', which is refused"),
    "a device": ("m.tar", lambda: member("model.onnx", tarfile.CHRTYPE, devmajor=1, devminor=5), "no ordinary file"),
    "a pipe": ("m.tar", lambda: member("model.onnx", tarfile.FIFOTYPE), "no ordinary file"),
    "zeros without end": ("m.zip", zip_bomb, "m.zip holds more than 16777216 bytes"),
    "a name of 100 MB": ("m.tgz", long_header, "more than 4194304 bytes before a file"),
    "too many files": ("m.tar.gz", many, "m.tar.gz holds more than 10000 files"),
    "a file twice": ("m.tar", twice, "it is in there twice"),
    "a name with a line break": ("m.tar", lambda: member("a\nb"), "it has characters that cannot be printed"),
    "an encrypted file": ("m.zip", encrypted, "it is encrypted"),
    "packed in another way": (
        "m.zip",
        lambda: models.zipped({"model.onnx": MODEL}, zipfile.ZIP_LZMA),
        "it is packed otherwise than by deflate",
    ),
    "cut in the middle": ("m.tar.gz", lambda: models.tar({"model.onnx": os.urandom(9999)})[:5000], "or is broken"),
    "not what its name says": ("m.zip", lambda: MODEL, "m.zip is no archive as its name says, or is broken"),
    "not packed although its name says so": ("m.tgz", lambda: member("model.onnx"), "m.tgz is no archive as its name"),
    "empty": ("m.tar", lambda: b"", "is no archive as its name says, or is broken"),
    "no model in it": ("m.tar.gz", lambda: models.tar({"notes.txt": b""}), "holds 0 models; expected model.yaml"),
    "two models in it": ("m.tar.gz", lambda: models.tar({"a.onnx": MODEL, "b.onnx": MODEL}), "holds 2 models"),
    "a model without its data": (
        "m.tar.gz",
        lambda: models.tar({"model.onnx": models.with_data_in("w.bin")}),
        "lacks 'w.bin', which holds data of its model",
    ),
    "a model whose data is elsewhere": (
        "m.tar.gz",
        lambda: models.tar({"model.onnx": models.with_data_in("../w.bin")}),
        "has data in a file '../w.bin', which is refused: it leads outside the model's directory",
    ),
}
NAMES = {
    "climbs out": ("../secret", "it leads outside the model's directory"),
    "climbs out, deeper": ("a/../../secret", "it leads outside the model's directory"),
    "is absolute": ("/etc/passwd", "it leads outside the model's directory"),
    "is the model's own": ("model.onnx", "a model's data cannot be in a file of this name"),
    "is the manifest's": ("./model.yaml", "a model's data cannot be in a file of this name"),
    "is empty": (" ", "no such file or directory"),
    "has no end": ("a" * 5000, "it has more than 512 characters"),
    "cannot be printed": ("a\x1b[2Jb", "it has characters that cannot be printed"),
    "is not there": ("w.bin", "w.bin: no such file or directory"),
    "is a directory": ("directory", "directory is no file"),
}
BROKEN = {
    "no protobuf": (b"\xff" * 20 + b"location", "is no ONNX model: no protobuf"),
    "an empty file": (b"", "is no ONNX model"),
}


def attack_by_archive(case: str, directory: Path) -> str:
    """Fetch the archive, and return what was told."""
    name, make, _ = ARCHIVES[case]
    (directory / "in").mkdir()
    (directory / "in" / name).write_bytes(make())
    with patch.object(archives, "FLOOR_BYTES", 16 << 20):  # what it is takes seconds to reach
        return refusal(directory, f"{directory}/in/{name}")


def attack_by_name(case: str, directory: Path) -> str:
    """Fetch a model whose data is in a file of this name, and return what was told."""
    source = directory / "store"
    (source / "directory").mkdir(parents=True)
    (directory / "secret").write_text("not for you")
    (source / "m.onnx").write_bytes(models.with_data_in(NAMES[case][0]))
    return refusal(directory, f"{source}/m.onnx")


def refusal(directory: Path, uri: str) -> str:
    target = directory / "out" / "model"
    target.mkdir(parents=True)
    before = {path for path in directory.rglob("*") if target not in path.parents}
    with pytest.raises(PackageError) as raised:
        fetch(uri, target)
    assert {path for path in directory.rglob("*") if target not in path.parents} == before
    assert not raised.value.transient
    assert list(target.iterdir()) == []
    return str(raised.value)


@pytest.mark.parametrize("case", ARCHIVES)
def test_an_archive(case: str, tmp_path: Path) -> None:
    assert ARCHIVES[case][2] in attack_by_archive(case, tmp_path)


@pytest.mark.parametrize("case", NAMES)
def test_a_name_of_data_that(case: str, tmp_path: Path) -> None:
    assert NAMES[case][1] in attack_by_name(case, tmp_path)


@pytest.mark.parametrize("case", BROKEN)
def test_a_model_that_is(case: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(BROKEN[case][0])
    assert BROKEN[case][1] in refusal(tmp_path, str(tmp_path / "m.onnx"))


PACKED: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "p.tar": lambda files: models.tar(files, "w"),
    "p.tar.gz": models.tar,
    "p.TGZ": models.tar,
    "p.zip": models.zipped,
    "p-without-packing.zip": lambda files: models.zipped(files, zipfile.ZIP_STORED),
}


@pytest.mark.parametrize("prefix", ["", "./", "fraud-1/"])
@pytest.mark.parametrize("name", PACKED)
def test_what_is_an_archive_is_unpacked(name: str, prefix: str, tmp_path: Path) -> None:
    files = models.package(tmp_path / "package")
    body = PACKED[name]({f"{prefix}{each}": content for each, content in files.items()})
    (tmp_path / name).write_bytes(body)
    (tmp_path / "out").mkdir()
    fetched = fetch(str(tmp_path / name), tmp_path / "out", digest=digest_of(files["model.yaml"]))
    assert fetched.kind == "package"
    assert files_in(tmp_path / "out") == files
    assert resolve(str(tmp_path / name)).digest == fetched.digest


def test_a_bare_model_in_an_archive(tmp_path: Path) -> None:
    (tmp_path / "bare.zip").write_bytes(models.zipped(models.BARE))
    (tmp_path / "out").mkdir()
    fetched = fetch(str(tmp_path / "bare.zip"), tmp_path / "out")
    assert (fetched.kind, fetched.digest) == ("model", models.bare_digest())
    assert files_in(tmp_path / "out") == models.BARE_FETCHED


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["m.tar", "m.tar.gz", "m.zip"]), st.data())
def test_no_spoiled_archive_does_more_than_be_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    files = {"model.onnx": b"x" * 700, "a/b": b"y"}
    body = bytearray(PACKED[name.replace("m.", "p.", 1)](files))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = body[: data.draw(st.integers(1, len(body)))]
    with tempfile.TemporaryDirectory(dir=tmp_path) as directory:
        (Path(directory) / name).write_bytes(body)
        before = sorted(tmp_path.rglob("*"))
        with suppress(PackageError):
            archives.unpack(Path(directory) / name, name, Path(directory) / "out")
        outside = [path for path in tmp_path.rglob("*") if Path(directory) / "out" not in path.parents]
        assert sorted(set(outside) - {Path(directory) / "out"}) == before


@given(st.text())
def test_a_name_that_is_within_a_directory_stays_there(name: str) -> None:
    try:
        inner = naming.within(name)
    except ValueError:
        return
    assert (Path("/models/fraud") / inner).is_relative_to("/models/fraud")
    assert os.path.normpath(f"/models/fraud/{inner}") == f"/models/fraud/{inner}"


if __name__ == "__main__":
    for table, attack in ((ARCHIVES, attack_by_archive), (NAMES, attack_by_name)):
        for each in table:
            with tempfile.TemporaryDirectory(prefix="m") as place:
                print(f"| {each} | {attack(each, Path(place)).replace(place, '')} |")  # type: ignore[operator]
