"""Falls back to the database when the plugin's cache is down, so that no user sees an error.

Everything in the cache can be looked up, so a missing response counts as a cache miss. After a
failure a process skips the cache until it responds again, so that one request waits and not each.
Invalidations that could not be sent are sent before this process uses the cache again, unless
their entries have expired by then.
"""

import threading
import time

import redis
from mlflow_oidc_auth.cache import factory, generation, redis_backend
from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.logger import get_logger

from mlflow_sso import upstream_guard

# Seconds between two attempts to reconnect.
AGAIN = 1

logger = get_logger()


class RedisConnection:
    """Whether this process may use the cache now, and which invalidations are pending."""

    def __init__(self, again=AGAIN):
        self.away = False
        self._again = again
        self._lock = threading.Lock()
        self._owed = []  # (expiry, call), in order of arrival

    def lost(self, error, answers):
        """Records a failure of the cache; `answers` raises as long as it lasts."""
        with self._lock:
            if self.away:
                return
            self.away = True
        logger.warning("Redis is down (%s): permissions are looked up in the database until it recovers", type(error).__name__)
        threading.Thread(target=self._wait, args=(answers,), name="cache", daemon=True).start()

    def owe(self, seconds, do):
        """Defers a call until the cache is used again, if that is within so many seconds. Returns False if the
        cache has recovered."""
        now = time.monotonic()
        with self._lock:
            if self.away:
                self._owed = [*(owed for owed in self._owed if owed[0] > now), (now + seconds, do)]
            return self.away

    def _wait(self, answers):
        while self.away:
            time.sleep(self._again)
            try:
                answers()
                self._catch_up()
            except redis.RedisError:
                pass
        logger.warning("Redis is back")

    def _catch_up(self):
        while True:
            with self._lock:
                if not self._owed:
                    self.away = False
                    return
                owed = self._owed[0]
            owed[1]()
            with self._lock:
                if owed in self._owed:
                    self._owed.remove(owed)


class ResilientRedisCache(redis_backend.RedisCacheBackend):
    """The plugin's Redis cache, without its errors."""

    link = RedisConnection()

    def __init__(self, url, prefix, ttl):
        try:
            super().__init__(url, prefix, ttl)
        except (ConnectionError, redis.RedisError) as error:  # its last step is a ping
            self.link.lost(error, self._client.ping)

    def get(self, key):
        return self._try(super().get, key)

    def set(self, key, value):
        # A generation marks what other processes have just read as stale.
        self._try(super().set, key, value, matters=key == generation._GENERATION_KEY)

    def delete(self, key):
        self._try(super().delete, key, matters=True)

    def delete_prefix(self, prefix):
        self._try(super().delete_prefix, prefix, matters=True)

    def clear(self):
        self._try(super().clear, matters=True)

    def _try(self, what, *arguments, matters=False):
        while True:
            if not self.link.away:
                try:
                    return what(*arguments)
                except redis.RedisError as error:
                    self.link.lost(error, self._client.ping)
            # Only generations are kept for longer than this.
            if not matters or self.link.owe(config.PERMISSION_CACHE_TTL_SECONDS, lambda: what(*arguments)):
                return None


# The methods that the plugin calls, with their parameters.
METHODS = {
    "__init__": ("self", "url", "prefix", "ttl"), "get": ("self", "key"), "set": ("self", "key", "value"), "delete": ("self", "key"),
    "delete_prefix": ("self", "prefix"), "clear": ("self",),
}  # fmt: skip


def expect(module=redis_backend, made=factory.get_cache_backend):
    """Raises unless the plugin's cache has these methods, is created where this module can replace it, and fails
    without Redis."""
    backend = module.RedisCacheBackend
    public = {name for name, value in vars(backend).items() if callable(value) and not name.startswith("_")}
    upstream_guard.same("methods of the plugin's RedisCacheBackend", public | {"__init__"}, set(METHODS))
    for name, parameters in METHODS.items():
        upstream_guard.takes(getattr(backend, name), *parameters)
    upstream_guard.uses(backend.__init__, "_client", "ping")
    # An import at the top of the module would keep the original.
    upstream_guard.uses(made, "mlflow_oidc_auth.cache.redis_backend", "RedisCacheBackend")
    upstream_guard.needed("resilient_cache", tolerates(backend), "the plugin's RedisCacheBackend works without Redis")


def tolerates(backend):
    """Whether a cache responds although Redis does not."""

    class Away:
        def __getattr__(self, name):
            raise redis.ConnectionError("no server is asked here")

    cache = object.__new__(backend)
    cache._client, cache._prefix, cache._ttl = Away(), "", 1
    try:
        cache.get("key")
    except redis.RedisError:
        return False
    return True


def install_resilient_cache():
    """Replaces the plugin's cache. Caches are created at first use."""
    expect()
    redis_backend.RedisCacheBackend = ResilientRedisCache
