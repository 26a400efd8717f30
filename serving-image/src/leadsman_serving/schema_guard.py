"""What happens to a request whose inputs are not as the model's author says: it is counted, and refused or served."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from leadsman_serving.errors import invalid
from leadsman_serving.schema import Schema, Violation
from leadsman_serving.tensors import Array

MOST_SERIES = 256
"""Rules that are counted one by one; those of further features are counted together as OTHER."""
OTHER = "other"


class SchemaGuard:
    """Looks at every request's inputs. The event loop counts, others may read."""

    def __init__(self, schema: Schema, *, rejecting: bool) -> None:
        self._schema = schema
        self._rejecting = rejecting
        self._counts = dict.fromkeys(islice(schema.rules(), MOST_SERIES), 0)

    def check(self, feed: Mapping[str, Array]) -> None:
        """Count what is not as the schema says. Raises ServingError (invalid argument) for it, if it is to reject."""
        found = self._schema.violations(feed)
        if found:
            self._count(found)
            if self._rejecting:
                raise invalid(_told(found))

    def totals(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield how often each rule was broken: input, feature, rule, times."""
        for (name, feature, rule), times in list(self._counts.items()):
            yield name, feature, rule, times

    def _count(self, found: Sequence[Violation]) -> None:
        for each in found:
            key = each.input, each.feature, each.rule
            if key not in self._counts:
                key = each.input, OTHER, each.rule
            self._counts[key] = self._counts.get(key, 0) + each.times


def _told(found: Sequence[Violation]) -> str:
    more = sum(each.times for each in found) - 1
    return f"{found[0]}" + (f"; so it is with {more} more values of this request" if more else "")
