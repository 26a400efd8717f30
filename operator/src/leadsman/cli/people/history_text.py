"""The audit trail of a model: every decision with its receipt, and every action that led to none."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from leadsman.api.base import ApiModel
from leadsman.api.modelrevision import DecisionRecord, ModelRevision
from leadsman.api.rolloutaction import RolloutAction
from leadsman.cli.people.drawing import aligned, moment
from leadsman.cli.people.view import View
from leadsman.cli.plain import plain

LATEST = 5
"""Decisions that are shown beside other things."""
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_FORMULA = ("=", "+", "-", "@")
_COLUMNS = (
    *("at", "sequence", "revision", "version", "decision", "weightBefore", "weightAfter", "by", "groups", "reason"),
    *("action", "outcome", "message", "stable", "digest", "stableDigest", "policy"),
)


@dataclass(frozen=True)
class Entry:
    """A decision about a revision, or an action that led to none."""

    at: datetime | None
    what: str
    """The decision's reason; of an action that led to none its verb, and what became of it."""
    message: str
    revision: str
    version: str
    receipt: DecisionRecord | None = None
    action: RolloutAction | None = None

    @property
    def by(self) -> str:
        """Who asked for it; empty when nobody had to."""
        if self.receipt and self.receipt.by:
            return self.receipt.by
        asker = self.action.spec.requested_by if self.action else None
        return asker.user if asker else ""


def entries(view: View) -> list[Entry]:
    """Return everything that is on record, the oldest first."""
    by_name = {action.metadata.name: action for action in view.actions}
    decisions = [entry for record in view.revisions.values() for entry in _decisions(view, record, by_name)]
    led = {one.receipt.action for one in decisions if one.receipt}
    others = [_undecided(view, action) for action in view.actions if action.metadata.name not in led]
    return sorted([*decisions, *others], key=_order)


def as_table(view: View) -> str:
    """Return the trail as lines for people."""
    rows = [
        (
            moment(one.at),
            str(one.receipt.sequence) if one.receipt else "",
            one.version,
            one.what,
            _weight(one.receipt) if one.receipt else "",
            one.by,
            one.message,
        )
        for one in entries(view)
    ]
    if not rows:
        return f"Nothing has been decided about {view.name} yet.\n"
    headings = ("AT", "#", "VERSION", "DECISION", "WEIGHT", "BY", "MESSAGE")
    return "\n".join(aligned(rows, right=(1, 4), headings=headings)) + "\n"


def as_json(view: View) -> str:
    """Return the trail with whole receipts and actions."""
    document = {
        "modelDeployment": view.name,
        "namespace": view.namespace,
        "entries": [
            {
                **_flat(one),
                "groups": list(_groups(one)),
                "receipt": _json(one.receipt) if one.receipt else None,
                "rolloutAction": _action(one.action) if one.action else None,
            }
            for one in entries(view)
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_csv(view: View) -> str:
    """Return the trail as a table for a spreadsheet, in which no cell is a formula."""
    out = StringIO()
    rows = csv.DictWriter(out, _COLUMNS, lineterminator="\n")
    rows.writeheader()
    for one in entries(view):
        rows.writerow({column: _cell(value) for column, value in _flat(one).items()})
    return out.getvalue()


def _decisions(view: View, record: ModelRevision, actions: Mapping[str, RolloutAction]) -> Iterator[Entry]:
    revision = record.spec.revision
    for receipt in record.status.receipts:
        yield Entry(
            at=receipt.at,
            what=receipt.reason,
            message=receipt.message,
            revision=revision,
            version=view.version(revision),
            receipt=receipt,
            action=actions.get(receipt.action),
        )


def _undecided(view: View, action: RolloutAction) -> Entry:
    """An action that was refused, that nobody has looked at, or whose decision has gone with its ModelRevision."""
    spec, status = action.spec, action.status
    became = status.outcome.value if status.outcome else "Waiting"
    return Entry(
        at=status.at or action.metadata.creation_timestamp,
        what=f"{spec.verb}{became}",
        message=status.message or spec.reason,
        revision=spec.revision or "",
        version=view.version(spec.revision),
        action=action,
    )


def _weight(receipt: DecisionRecord) -> str:
    before, after = receipt.weight_before, receipt.weight_after
    return f"{before} → {after} %" if before != after else f"{after} %" if after else ""


def _order(one: Entry) -> tuple[datetime, int]:
    return (one.at or _BEFORE_ALL, one.receipt.sequence if one.receipt else 0)


def _flat(one: Entry) -> dict[str, Any]:
    receipt, action = one.receipt, one.action
    values = (
        *(one.at.isoformat() if one.at else None, receipt.sequence if receipt else None, one.revision, one.version),
        *(one.what, receipt.weight_before if receipt else None, receipt.weight_after if receipt else None),
        *(one.by, " ".join(_groups(one)), action.spec.reason if action else ""),
        *(action.metadata.name if action else receipt.action if receipt else "", _outcome(action), one.message),
        *((receipt.stable, receipt.digest, receipt.stable_digest, receipt.policy) if receipt else (None,) * 4),
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _groups(one: Entry) -> tuple[str, ...]:
    asker = one.action.spec.requested_by if one.action else None
    return asker.groups if asker else ()


def _outcome(action: RolloutAction | None) -> str | None:
    return action.status.outcome.value if action and action.status.outcome else None


def _cell(value: Any) -> Any:
    """A spreadsheet would run what looks like a formula; the quote before it says that it is text."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _action(action: RolloutAction) -> dict[str, Any]:
    return {
        "name": action.metadata.name,
        "uid": action.metadata.uid,
        "spec": _json(action.spec),
        "status": _json(action.status),
    }


def _json(part: ApiModel) -> Any:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
