"""Names of a model's files: what a path names by how it ends, and which names stay within a directory. Pure."""

from pathlib import PurePosixPath

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
MODEL = ".onnx"
EXPECTED = f"a package's directory, or a file whose name ends in {MODEL}, {', '.join(ARCHIVES[:-1])} or {ARCHIVES[-1]}"
_MOST_CHARACTERS = 512


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive."""
    return name.lower().endswith(ARCHIVES)


def split(path: str) -> tuple[str, str]:
    """Return the directory and the name of the file that a path names; the name is "" when it is a directory."""
    path = path.rstrip("/")
    directory, _, name = path.rpartition("/")
    if name.lower().endswith((MODEL, *ARCHIVES)):
        return directory, name
    return path, ""


def joined(*parts: str) -> str:
    """Return the path of these parts, the empty ones left out."""
    return "/".join(part for part in parts if part)


def within(name: str) -> str:
    """Return a name as a path below some directory, in its shortest form. Raises ValueError, which says why not."""
    path = PurePosixPath(name)
    if not name or not path.parts:
        raise ValueError("it is empty")
    if len(name) > _MOST_CHARACTERS:
        raise ValueError(f"it has more than {_MOST_CHARACTERS} characters")
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError("it leads outside the model's directory")
    if not name.isprintable():
        raise ValueError("it has characters that cannot be printed")
    return str(path)
