"""The plugin's cache, which may be away: the database is asked then, and nobody sees an error.

All that is in the cache can be looked up, so an answer that does not come is taken for
"not there". A process that has got none leaves the cache alone until it answers again, so
that one request waits and not each. What should have left the cache meanwhile leaves it
before this process uses it again, or has become too old to be believed by anybody.
"""

import threading
import time

import redis
from mlflow_oidc_auth.cache import factory, generation, redis_backend
from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.logger import get_logger

from mlflow_sso import upstream_guard

# Seconds between two questions whether it is back.
AGAIN = 1

logger = get_logger()


class RedisConnection:
    """Whether this process may use the cache now, and what it owes it."""

    def __init__(self, again=AGAIN):
        self.away = False
        self._again = again
        self._lock = threading.Lock()
        self._owed = []  # (until when it matters, what is to be done), in the order of their coming

    def lost(self, error, answers):
        """The cache has not answered; `answers` raises for as long as it does not."""
        with self._lock:
            if self.away:
                return
            self.away = True
        logger.warning("Redis is away (%s): permissions are looked up in the database until it is back", type(error).__name__)
        threading.Thread(target=self._wait, args=(answers,), name="cache", daemon=True).start()

    def owe(self, seconds, do):
        """Has something done before the cache is used again, if that is within so many seconds. False: it is back."""
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
    """The plugin's way to Redis, without its errors."""

    link = RedisConnection()

    def __init__(self, url, prefix, ttl):
        try:
            super().__init__(url, prefix, ttl)
        except (ConnectionError, redis.RedisError) as error:  # its last step is to ask for a sign of life
            self.link.lost(error, self._client.ping)

    def get(self, key):
        return self._try(super().get, key)

    def set(self, key, value):
        # A generation shows others that what they have just read is old.
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
            # No entry but a generation is kept for longer than this.
            if not matters or self.link.owe(config.PERMISSION_CACHE_TTL_SECONDS, lambda: what(*arguments)):
                return None


# What the plugin calls, with its parameters.
METHODS = {
    "__init__": ("self", "url", "prefix", "ttl"), "get": ("self", "key"), "set": ("self", "key", "value"), "delete": ("self", "key"),
    "delete_prefix": ("self", "prefix"), "clear": ("self",),
}  # fmt: skip


def expect(module=redis_backend, made=factory.get_cache_backend):
    """Raises unless the plugin's cache has these methods, is made where it can be replaced, and fails without Redis."""
    backend = module.RedisCacheBackend
    public = {name for name, value in vars(backend).items() if callable(value) and not name.startswith("_")}
    upstream_guard.same("methods of the plugin's RedisCacheBackend", public | {"__init__"}, set(METHODS))
    for name, parameters in METHODS.items():
        upstream_guard.takes(getattr(backend, name), *parameters)
    upstream_guard.uses(backend.__init__, "_client", "ping")
    # An import at the head of the module would keep the original.
    upstream_guard.uses(made, "mlflow_oidc_auth.cache.redis_backend", "RedisCacheBackend")
    upstream_guard.needed("resilient_cache", tolerates(backend), "the plugin's RedisCacheBackend works without Redis")


def tolerates(backend):
    """Whether a cache answers although Redis does not."""

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
    """Makes the plugin use it. Caches are made at their first use."""
    expect()
    redis_backend.RedisCacheBackend = ResilientRedisCache
