"""Which ModelRevisions stay, besides those in use: the latest as the audit trail, and what could serve again."""

from collections.abc import Collection, Mapping

from leadsman.api.modelrevision import ModelRevision
from leadsman.core.actions import proved

LATEST = 10
TO_RETURN_TO = 3


def retained(revisions: Mapping[str, ModelRevision], in_use: Collection[str]) -> frozenset[str]:
    """Return the revisions whose records stay: those in use, and of the others the ones decided on last.

    However many candidates have failed since, Undo still finds what it can return to.
    """
    others = sorted(revisions.keys() - set(in_use), key=lambda one: _last(revisions[one]), reverse=True)
    to_return_to = [revision for revision in proved(revisions) if revision not in in_use]
    return frozenset({*in_use, *others[:LATEST], *to_return_to[:TO_RETURN_TO]})


def _last(record: ModelRevision) -> tuple[int, str]:
    """When a revision was decided on last, or born."""
    receipts = record.status.receipts
    return receipts[-1].sequence if receipts else -1, str(record.metadata.creation_timestamp)
