"""Caches the issuer's signing keys (JWKS), so that tokens stay valid while Keycloak is down.

The plugin drops the keys after five minutes, and fetches them in the middle of a request, which blocks the
whole process. While Keycloak is down, that makes every token invalid, whatever its lifetime. Here stale keys
are refreshed in the background. A request waits for the refresh briefly, if the issuer answered the last
time, and otherwise uses the cached keys. This does not extend a token: its own expiry still applies.

The plugin also refuses tokens whose key is newer than its cache. Here an unknown key triggers an immediate
refresh, as a wrong signature does in the plugin, at most once a second.
"""

import functools
import threading
import time

from mlflow_oidc_auth import auth
from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.logger import get_logger

from mlflow_sso import upstream_guard

# Seconds between two requests to an issuer that has not answered.
AGAIN = 5
# The same for one that has: the longest delay until a key that was just rotated is known.
ANSWERED = 1
# Seconds that a request, and with it the whole process, waits for new keys.
WAIT = 1
# Seconds for which unconfirmed keys are used: longer than any token lives.
MAX_AGE = 86_400

logger = get_logger()


class Keys:
    """Caches the keys of each issuer."""

    def __init__(self, load, fresh, again=AGAIN, max_age=MAX_AGE, wait=WAIT):
        """load is the plugin's loader; fresh is the number of seconds before a refresh."""
        self._load, self._fresh, self._again, self._max_age, self._wait = load, fresh, again, max_age, wait
        self._lock = threading.Lock()
        self._known = {}  # by issuer: (when they were read, keys)
        self._silent = set()  # the same, after a failed refresh
        self._warmed = 0
        self._asked = {}  # by issuer: when a refresh last failed, or began

    def __call__(self, url, *, cache_key, force_refresh=False, **how):
        now = time.monotonic()
        read, _ = self._known.get(cache_key, (None, None))
        if read is None or now - read > self._max_age:
            # There are no cached keys. Do not make each request wait while the issuer is down.
            if now < self._asked.get(cache_key, 0):
                raise ValueError("there are no cached keys, and the issuer did not answer a moment ago")
            return self._ask(url, cache_key, how)
        # The plugin reloads keys for an unknown key ID and after a wrong signature. Any client can cause
        # both, so keep the cached keys, and wait for a slow issuer only once.
        if force_refresh or now - read > self._fresh():
            asking = self._ask_beside(url, cache_key, how, now)
            if asking and cache_key not in self._silent:
                asking.join(self._wait)
                if asking.is_alive():
                    self._silent.add(cache_key)
        return self._known[cache_key][1]

    @property
    def known(self):
        """Whether usable keys are cached."""
        return bool(self._known)

    def warm(self, read):
        """Loads missing keys in the background, so that a server that starts while the issuer is up has them
        when it is down."""
        now = time.monotonic()
        with self._lock:
            if self._known or now < self._warmed:
                return
            self._warmed = now + self._again
        threading.Thread(target=self._quietly, args=(read,), name="keys", daemon=True).start()

    def _ask_beside(self, url, cache_key, how, now):
        with self._lock:
            if now < self._asked.get(cache_key, 0):
                return None
            self._asked[cache_key] = now + self._again
        asking = threading.Thread(target=self._quietly, args=(lambda: self._ask(url, cache_key, how),), name="keys", daemon=True)
        asking.start()
        return asking

    def _quietly(self, read):
        try:
            read()
        except Exception as error:  # any failure: the cached keys are as good as before
            logger.warning("The issuer's keys could not be read (%s): the cached ones are used, if there are any", type(error).__name__)

    def _ask(self, url, cache_key, how):
        try:
            keys = self._load(url, cache_key=cache_key, force_refresh=True, **how)
            if not isinstance(keys, dict) or not keys.get("keys"):
                raise ValueError("the issuer's answer holds no keys")  # an error page, as JSON
        except Exception:
            self._asked[cache_key] = time.monotonic() + self._again
            self._silent.add(cache_key)
            raise
        self._silent.discard(cache_key)
        now = time.monotonic()
        self._known[cache_key] = now, keys
        self._asked[cache_key] = now + min(ANSWERED, self._again)
        return keys


MEMORY = Keys(auth._load_jwks, lambda: config.OIDC_JWKS_CACHE_TTL_SECONDS)


# The parameters of the plugin's function that loads keys.
PARAMETERS = ("url", "cache", "lock", "cache_key", "force_refresh", "label", "direct", "verify", "auth_token")


def expect(module=auth):
    """Raises unless the plugin loads keys in one place, and drops them while the issuer is down."""
    upstream_guard.takes(module._load_jwks, *PARAMETERS)
    upstream_guard.count(module, "return _load_jwks(", 3)
    upstream_guard.takes(module._get_provider_jwks, "provider", "force_refresh")
    upstream_guard.uses(module._get_provider_jwks, "_load_jwks")
    upstream_guard.takes(module._select_jwk, "jwks", "header")
    upstream_guard.uses(module._TokenDecoder.decode, "_select_jwk")
    upstream_guard.uses(module.validate_token, "BadSignatureError", "_get_provider_jwks")
    upstream_guard.needed("jwks_cache", keeps(module), "the plugin keeps the keys that it knows while the issuer does not answer")


def keeps(module):
    """Whether the plugin's function already returns cached keys while the issuer is down."""

    class Silent:
        @staticmethod
        def get(*_, **__):
            raise OSError("no issuer is asked here")

    known, client = {"key": {"keys": [1]}}, module.http_client
    module.http_client = Silent
    try:
        module._load_jwks("", cache=known, lock=threading.Lock(), cache_key="key", force_refresh=True, label="")
    except OSError:
        return False
    finally:
        module.http_client = client
    return True


def looked_up(select):
    """The plugin's choice of a key, which reloads the keys for an unknown key ID."""

    @functools.wraps(select)
    def selected(jwks, header):
        try:
            return select(jwks, header)
        except ValueError as error:
            raise auth.BadSignatureError(str(error)) from error

    return selected


def install_jwks_cache():
    """Replaces the plugin's loader by this cache."""
    expect()
    auth._load_jwks = MEMORY
    auth._select_jwk = looked_up(auth._select_jwk)


def warm():
    """Fills the cache that the plugin's requests use."""
    MEMORY.warm(lambda: [auth._get_provider_jwks(provider) for provider in config.AUTH_PROVIDERS.providers])
