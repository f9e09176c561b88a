"""The issuer's keys, which outlive its absence.

The plugin forgets them after five minutes, and asks for them in the middle of a
request, while everything else in the process waits. Without Keycloak that ends every
token that Keycloak has issued, however long it is valid. Here keys that are old are
asked for beside the request. It waits for them a moment, if the issuer has answered the
last time, and goes by those that are known where they do not come. A token is worth no more than before: its end is in itself.

The plugin also refuses tokens of a key that the issuer has had for less than those five minutes. Here an unknown key is looked
up at once, as the plugin does after a wrong signature, and at most once a second.
"""

import functools
import threading
import time

from mlflow_oidc_auth import auth
from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.logger import get_logger

from mlflow_sso import upstream_guard

# Seconds between two questions to an issuer that has not answered.
AGAIN = 5
# The same for one that has: keys that were rotated in between are known that much later.
ANSWERED = 1
# Seconds for which a request waits for new keys, and everything else in the process with it.
WAIT = 1
# Seconds for which keys are believed that nobody has confirmed: more than any token lives.
BELIEVED = 86_400

logger = get_logger()


class Keys:
    """The plugin's way to the keys of an issuer, with a memory."""

    def __init__(self, load, fresh, again=AGAIN, believed=BELIEVED, wait=WAIT):
        """load is the plugin's; fresh says for how many seconds keys are not asked for again."""
        self._load, self._fresh, self._again, self._believed, self._wait = load, fresh, again, believed, wait
        self._lock = threading.Lock()
        self._known = {}  # what they are kept by to (when they were read, keys)
        self._silent = set()  # the same, where the last question had no answer
        self._warmed = 0
        self._asked = {}  # the same to when they were last asked for in vain, or are being asked for

    def __call__(self, url, *, cache_key, force_refresh=False, **how):
        now = time.monotonic()
        read, _ = self._known.get(cache_key, (None, None))
        if read is None or now - read > self._believed:
            # Nothing to go by. Who comes while the issuer is away does not wait for it each time.
            if now < self._asked.get(cache_key, 0):
                raise ValueError("the issuer's keys are not known, and it has not answered a moment ago")
            return self._ask(url, cache_key, how)
        # The plugin asks again for a key that it does not know, and after a wrong signature. Every client can send either, so keys
        # are not forgotten for it, and an issuer that is slow is not waited for twice.
        if force_refresh or now - read > self._fresh():
            asking = self._ask_beside(url, cache_key, how, now)
            if asking and cache_key not in self._silent:
                asking.join(self._wait)
                if asking.is_alive():
                    self._silent.add(cache_key)
        return self._known[cache_key][1]

    @property
    def known(self):
        """Whether there are any to go by."""
        return bool(self._known)

    def warm(self, read):
        """Has keys read beside the requests where there are none: whoever starts while the issuer is there has them when it is not."""
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
        except Exception as error:  # whatever it is, what is known is as good as before
            logger.warning("The issuer's keys could not be read (%s): those of before are used, if there are any", type(error).__name__)

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


# Parameters of the plugin's function that reads keys.
PARAMETERS = ("url", "cache", "lock", "cache_key", "force_refresh", "label", "direct", "verify", "auth_token")


def expect(module=auth):
    """Raises unless the plugin reads keys in one place, and forgets them while the issuer is down."""
    upstream_guard.takes(module._load_jwks, *PARAMETERS)
    upstream_guard.count(module, "return _load_jwks(", 3)
    upstream_guard.takes(module._get_provider_jwks, "provider", "force_refresh")
    upstream_guard.uses(module._get_provider_jwks, "_load_jwks")
    upstream_guard.takes(module._select_jwk, "jwks", "header")
    upstream_guard.uses(module._TokenDecoder.decode, "_select_jwk")
    upstream_guard.uses(module.validate_token, "BadSignatureError", "_get_provider_jwks")
    upstream_guard.needed("jwks_cache", keeps(module), "the plugin keeps the keys that it knows while the issuer does not answer")


def keeps(module):
    """Whether the plugin's function returns the known keys where the issuer does not answer."""

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
    """The plugin's choice of a key, which makes it read the keys again where the token names one that it does not know."""

    @functools.wraps(select)
    def selected(jwks, header):
        try:
            return select(jwks, header)
        except ValueError as error:
            raise auth.BadSignatureError(str(error)) from error

    return selected


def install_jwks_cache():
    """Makes the plugin go this way."""
    expect()
    auth._load_jwks = MEMORY
    auth._select_jwk = looked_up(auth._select_jwk)


def warm():
    """Has the memory filled that the plugin's requests go by."""
    MEMORY.warm(lambda: [auth._get_provider_jwks(provider) for provider in config.AUTH_PROVIDERS.providers])
