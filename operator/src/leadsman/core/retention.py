"""Which ModelRevisions stay, besides those in use: the latest as the audit trail, and what could serve again."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from leadsman.api.modelrevision import ModelRevision
from leadsman.core.actions import proved

LATEST = 10
TO_RETURN_TO = 3
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def retained(revisions: Mapping[str, ModelRevision], in_use: Collection[str]) -> frozenset[str]:
    """Return the revisions whose records stay: those in use, and of the others the ones decided on last.

    However many candidates have failed since, Undo still finds what it can return to.
    """
    others = sorted(revisions.keys() - set(in_use), key=lambda one: _last(revisions[one]), reverse=True)
    to_return_to = [revision for revision in proved(revisions) if revision not in in_use]
    return frozenset({*in_use, *others[:LATEST], *to_return_to[:TO_RETURN_TO]})


def _last(record: ModelRevision) -> datetime:
    """When a revision was decided on last, or born: one that nothing was decided on yet is no old one."""
    known = [receipt.at for receipt in record.status.receipts[-1:]]
    return max([record.metadata.creation_timestamp or _LONG_AGO, *known])
