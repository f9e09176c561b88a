"""Configures uvicorn's connections: request heads must arrive in time, and the access log omits
queries.

Uvicorn limits how long a connection may idle after a response, but not how long it waits for the
rest of a head. Its access log contains the whole target, and Keycloak redirects a browser back
with a code in the query.
"""

import logging

from uvicorn.protocols.http.h11_impl import H11Protocol

from mlflow_sso import upstream_guard

# Seconds in which the head of a request must arrive, counted from the connection's start or the
# head's first byte.
HEAD = 20


class WithoutQuery(logging.Filter):
    """Removes the query from the target in a record of uvicorn's access log."""

    def filter(self, record):
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, target, version, status = record.args
            record.args = (client, method, str(target).partition("?")[0], version, status)
        return True


def log_no_query():
    """Adds the filter to this process's logger, once."""
    logger = logging.getLogger("uvicorn.access")
    if not any(isinstance(filter, WithoutQuery) for filter in logger.filters):
        logger.addFilter(WithoutQuery())


def _waits(protocol):
    """Whether no request is in progress."""
    return protocol.cycle is None or protocol.cycle.response_complete


def _watch(protocol, seconds):
    if getattr(protocol, "head_timer", None) is None:
        protocol.head_timer = protocol.loop.call_later(seconds, _end, protocol, protocol.cycle, seconds)


def _end(protocol, last, seconds):
    protocol.head_timer = None
    # Uvicorn has its own, shorter limit for an idle connection after a response.
    if protocol.transport.is_closing() or not _waits(protocol) or protocol.timeout_keep_alive_task is not None:
        return
    if protocol.cycle is last:
        protocol.transport.close()
    else:
        _watch(protocol, seconds)


def limit_heads(protocol=H11Protocol, seconds=HEAD):
    """Patches the protocol class in place; raises if it is not uvicorn's h11 protocol."""
    upstream_guard.has(protocol, "connection_made", "data_received")
    upstream_guard.takes(protocol.connection_made, "self", "transport")
    upstream_guard.takes(protocol.data_received, "self", "data")
    upstream_guard.uses(protocol.__init__, "cycle", "timeout_keep_alive_task", "loop")
    made, received = protocol.connection_made, protocol.data_received

    def connection_made(self, transport):
        made(self, transport)
        _watch(self, seconds)

    def data_received(self, data):
        received(self, data)
        if _waits(self):
            _watch(self, seconds)

    protocol.connection_made, protocol.data_received = connection_made, data_received
