"""Words of strangers, as a terminal may be given them."""


def plain(text: str) -> str:
    """Return a text of anyone's on one line, without what would do something to a terminal."""
    return "".join(one if one.isprintable() else "�" for one in " ".join(text.splitlines()))
