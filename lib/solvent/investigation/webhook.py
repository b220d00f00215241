"""The message that an investigation was opened, to a webhook: tried a few times, never in the way of the job, and again at the next run.

A message is sent at least once: a run that is killed between delivery and its entry sends it again, so a receiver goes by the id. Nothing
of the URL but its host is told or stored, since the rest of it is often the secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from solvent.investigation.investigation import RESOLVED, Investigation, investigations
from solvent.registry import ModelVersion
from solvent.tables import Ledger, Warehouse

# Three attempts of at most 1.5 s to connect and 1.5 s to be answered, and a pause of 0.6 s before the last: about 10 s in all.
ATTEMPTS, SECONDS, PAUSE = 3, 1.5, 0.3
TRY_AGAIN = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Delivery:
    """Whether a message arrived, what was said (a status, or the kind of failure), and when."""

    id: str
    host: str
    delivered: bool
    outcome: str
    at: datetime


DELIVERIES = Ledger("webhook_deliveries", Delivery)


def message(project: str, one: Investigation) -> dict[str, Any]:
    """What is told of an investigation."""
    streams = ("metric", "slice", "slice_value", "direction", "expected", "observed")
    return {
        "event": "investigation opened",
        "project": project,
        "model": one.model,
        "version": one.model_version,
        "id": one.id,
        "alarm": one.alarm.isoformat(),
        "since": one.change.isoformat(),
        "since_interval": [one.change_low.isoformat(), one.change_high.isoformat()],
        "deviates": [{name: finding[name] for name in streams} for finding in one.findings],
        "first_cause": one.first_cause,
        "report": one.report,
    }


def deliver(url: str, name: str, document: dict[str, Any]) -> Delivery:
    """Posts a document as JSON; never raises for what the other side does."""
    retry = Retry(
        total=ATTEMPTS - 1,
        backoff_factor=PAUSE,
        status_forcelist=TRY_AGAIN,
        allowed_methods=["POST"],
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    host = urlsplit(url).hostname or ""
    with requests.Session() as session:
        session.mount(url, HTTPAdapter(max_retries=retry))
        try:
            # A redirect would turn the message into a GET; the body of the answer is not waited for.
            with session.post(
                url, json=document, timeout=(SECONDS, SECONDS), allow_redirects=False, stream=True
            ) as answer:
                return Delivery(
                    name, host, 200 <= answer.status_code < 300, f"status {answer.status_code}", datetime.now(UTC)
                )
        except (requests.RequestException, OSError, ValueError) as error:
            # Its text holds the whole URL.
            return Delivery(name, host, False, type(error).__name__, datetime.now(UTC))


def notify(warehouse: Warehouse, project: str, version: ModelVersion, url: str) -> list[Delivery]:
    """Sends the messages of a model's unresolved investigations that have not arrived, and notes what became of each."""
    waiting = [one for one in investigations(warehouse, version) if one.state != RESOLVED]
    unheard = [one for one in waiting if not DELIVERIES.select(warehouse, "id", id=one.id, delivered=True)]
    tried = [deliver(url, one.id, message(project, one)) for one in unheard]
    DELIVERIES.append(warehouse, tried)
    return tried
