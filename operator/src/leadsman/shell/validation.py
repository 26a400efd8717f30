"""What was wrong with something that was read, in one phrase."""

from pydantic import ValidationError

_LONGEST = 200


def first_problem(error: ValidationError) -> str:
    """Return where the first mistake is, what was expected and what was found."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    found = repr(first["input"])
    found = found if len(found) <= _LONGEST else f"{found[:_LONGEST]}..."
    return f"{f'{where}: ' if where else ''}{first['msg']}, found {found}"
