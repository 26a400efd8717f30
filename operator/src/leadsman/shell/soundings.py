"""Read all that one look wants, at once: a look costs one round trip."""

import asyncio

import httpx

from leadsman.core.soundings import Soundings, Wanted
from leadsman.shell.answers import read_answers
from leadsman.shell.history import read_histories
from leadsman.shell.prometheus import PrometheusServer, ask
from leadsman.shell.scrape import scrape


async def take_soundings(http: httpx.AsyncClient, prometheus: PrometheusServer | None, wanted: Wanted) -> Soundings:
    """Return what was answered in time. Whatever a pod or Prometheus does, nothing is raised."""
    samples, histories, answers, readings = await asyncio.gather(
        scrape(http, wanted.counters),
        read_histories(http, wanted.histories),
        read_answers(http, wanted.answers),
        ask(http, prometheus, wanted.queries),
    )
    return Soundings(samples=samples, histories=histories, answers=answers, readings=readings)
