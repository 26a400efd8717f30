"""kopf's settings: no hidden state on objects, no Events of its own, server-side filters for what it watches."""

import kopf

from leadsman.core.names import FIELD_MANAGER, MANAGED_BY
from leadsman.handlers.children import CHILDREN
from leadsman.shell.kube import MODEL_REVISION


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: object) -> None:
    """Settle how kopf watches."""
    settings.scanning.disabled = True  # the CRDs are installed first; watching CRDs would need cluster-wide rights
    settings.peering.standalone = True  # the Lease elects
    settings.persistence.finalizer = "leadsman.dev/daemon"
    settings.posting.enabled = False  # our recorder posts decisions, not log lines
    # A pass under way when its ModelDeployment is deleted mostly ends within this; otherwise kopf looks again in 10 s.
    settings.background.instant_exit_timeout = 2
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    for child in CHILDREN:
        if child is not MODEL_REVISION:
            settings.watching.label_selectors[child.api_version, child.plural] = f"{MANAGED_BY}={FIELD_MANAGER}"
