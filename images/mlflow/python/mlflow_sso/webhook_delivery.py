"""Delivers the webhooks of MLflow 3.17.2, where mlflow.webhooks enables them.

Upstream defects, and what this module does about each:

- Upstream checks an address after it has connected, and follows redirects. Here each delivery goes
  to a listed host and a checked address (outgoing.py), including for webhooks stored earlier.
- The delivery queue is unbounded, and a target that sends a byte at a time blocks its thread
  indefinitely. Here deliveries run in a separate event loop, few at once, with a total time limit.
- Every process generates its own key for the secrets. Here webhooks use the stack's key, or the
  server does not start.
- A failure is logged with the URL, which may contain a token, and with the traceback.

Only administrators create webhooks, as in the plugin.
"""

import asyncio
import json
import logging
import os
import threading
import time
import uuid
from datetime import UTC, datetime

import aiohttp
from mlflow.entities.webhook import WebhookTestResult
from mlflow.environment_variables import MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY
from mlflow.exceptions import MlflowException
from mlflow.server import handlers
from mlflow.store.model_registry import sqlalchemy_store
from mlflow.utils import validation
from mlflow.webhooks import constants, delivery
from mlflow.webhooks.types import get_example_payload_for_event
from mlflow_oidc_auth.routers import webhook as router

from mlflow_sso import outgoing, upstream_guard
from mlflow_sso.outgoing_targets import Refused, Targets

logger = logging.getLogger(__name__)

# Concurrent and queued deliveries per process; concurrent tests.
AT_ONCE, WAITING, TESTS = 8, 1000, 2
# Seconds for one request; and for a test, which blocks a thread.
TOTAL, TEST = 30, 10
# Seconds before each retry of a delivery.
PAUSES = (1, 5, 25)
AGAIN = {429, 500, 502, 503, 504}
# Seconds for which a process caches the list of webhooks.
REMEMBERED = 5
# Characters of a response that a test shows.
SHOWN = 2000


class Webhooks:
    """Delivers to the listed hosts."""

    def __init__(self, variables=os.environ, pauses=PAUSES, total=TOTAL, test=TEST):
        self.targets = Targets.read("mlflow.webhooks", "MLFLOW_SSO_WEBHOOK", variables)
        if not self.targets:
            raise RuntimeError("mlflow-sso: webhooks are on without hosts, want some")
        self._pauses, self._total, self._test = pauses, total, test
        self._side = outgoing.SideLoop("webhooks")
        self._lock, self._waiting = threading.Lock(), 0
        self._room = asyncio.Semaphore(AT_ONCE)  # used in the side loop only
        self._tests = threading.BoundedSemaphore(TESTS)

    def allow_url(self, url):
        """Raises if a webhook's URL is not a listed host. Does not resolve names."""
        try:
            self.targets.find(url)
        except Refused as refused:
            raise MlflowException.invalid_parameter_value(str(refused)) from None

    def deliver(self, *, event, payload, store):
        """Replaces mlflow.webhooks.delivery._deliver_webhook_impl."""
        for webhook in delivery._get_cached_webhooks_by_event(store, event, REMEMBERED):
            if webhook.status.is_active():
                self._begin(webhook, payload, event)

    def _begin(self, webhook, payload, event):
        with self._lock:
            if self._waiting >= WAITING:
                logger.error("Webhook %s: %d deliveries wait already, so this one is dropped", webhook.webhook_id, WAITING)
                return
            self._waiting += 1
        url, (headers, body) = webhook.url, message(webhook, payload, event)
        self._side.submit(self._deliver(webhook.webhook_id, url, headers, body))

    async def _deliver(self, identifier, url, headers, body):
        try:
            for pause in (*self._pauses, None):
                try:
                    async with self._room:
                        status, _ = await self._send(url, headers, body, self._total)
                    if status not in AGAIN:
                        if status >= 300:
                            logger.error("Webhook %s: the target answered %d", identifier, status)
                        return
                    said = f"the target answered {status}"
                except Refused as refused:
                    logger.error("Webhook %s: %s", identifier, refused)
                    return
                except (aiohttp.ClientError, OSError) as error:
                    said = type(error).__name__  # its text contains addresses
                if pause is None:
                    logger.error("Webhook %s: not delivered after %d tries: %s", identifier, len(self._pauses) + 1, said)
                    return
                await asyncio.sleep(pause)
        finally:
            with self._lock:
                self._waiting -= 1

    async def _send(self, url, headers, body, total):
        async with outgoing.post(self.targets, url, headers=headers, total=total, data=body) as response:
            start = b""
            async for part in response.content.iter_any():
                start += part
                if len(start) >= SHOWN:
                    break  # the connection closes with the rest
            return response.status, start[:SHOWN].decode(errors="replace")

    def test(self, webhook, event=None):
        """Replaces mlflow.webhooks.delivery.test_webhook: a single attempt, whose response is shown."""
        if not self._tests.acquire(blocking=False):
            return WebhookTestResult(success=False, error_message=f"{TESTS} tests of webhooks run in this process, which is the limit. Try again.")
        try:
            event = event or webhook.events[0]
            headers, body = message(webhook, get_example_payload_for_event(event), event)
            status, shown = self._side.submit(self._send(webhook.url, headers, body, self._test)).result()
            return WebhookTestResult(success=status < 300, response_status=status, response_body=shown)
        except Refused as refused:
            return WebhookTestResult(success=False, error_message=str(refused))
        except (aiohttp.ClientError, OSError) as error:
            return WebhookTestResult(success=False, error_message=f"The target cannot be reached: {type(error).__name__}.")
        finally:
            self._tests.release()


def message(webhook, payload, event):
    """Headers and body of a delivery, signed as MLflow does."""
    content = {"entity": event.entity.value, "action": event.action.value, "timestamp": datetime.now(UTC).isoformat(), "data": payload}
    body, identifier, now = json.dumps(content), str(uuid.uuid4()), str(int(time.time()))
    headers = {"Content-Type": "application/json", constants.WEBHOOK_DELIVERY_ID_HEADER: identifier, constants.WEBHOOK_TIMESTAMP_HEADER: now}
    if webhook.secret:
        headers[constants.WEBHOOK_SIGNATURE_HEADER] = delivery._generate_hmac_signature(webhook.secret, identifier, now, body)
    return headers, body.encode()


def open_(variables=os.environ):
    """Installs the patches; raises if upstream is not as expected."""
    if not variables.get(MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY.name):
        raise RuntimeError(f"mlflow-sso: {MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY.name} is not set, want the stack's key: every process would make up one")
    webhooks = Webhooks(variables)
    upstream_guard.uses(delivery.deliver_webhook, "_deliver_webhook_impl")
    upstream_guard.takes(delivery._deliver_webhook_impl, "event", "payload", "store")
    upstream_guard.takes(delivery.test_webhook, "webhook", "event")
    upstream_guard.takes(delivery._generate_hmac_signature, "secret", "delivery_id", "timestamp", "payload")
    for module in (delivery, sqlalchemy_store, validation):
        upstream_guard.takes(module._validate_webhook_url, "url")
        module._validate_webhook_url = webhooks.allow_url
    delivery._deliver_webhook_impl = webhooks.deliver
    for module in (delivery, handlers, router):
        upstream_guard.same(f"test_webhook in {module.__name__}", callable(getattr(module, "test_webhook", None)), True)
        module.test_webhook = webhooks.test
    delivery._send_webhook_request = _unused
    return webhooks


def _unused(*_, **__):
    raise RuntimeError("mlflow-sso: upstream's own delivery is not in use")
