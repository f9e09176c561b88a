"""An identity provider on this machine: its addresses, its key, and tokens signed with it."""

import http.server
import json
import secrets
import threading
import time
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

AUDIENCE = "mlflow"


def _key(name):
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"}, auto_kid=False)


class Provider:
    def __init__(self):
        self._keys = [_key("one")]
        self._codes = {}  # code to the claims of its token
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = json.dumps(provider.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                claims = provider._codes.pop(form["code"][0], None)
                content = json.dumps(provider.tokens(claims) if claims else {"error": "invalid_grant"}).encode()
                self.send_response(200 if claims else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.discovery = self.issuer + "/.well-known/openid-configuration"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def document(self, path):
        if path == "/keys":
            return {"keys": [key.as_dict(private=False) for key in self._keys]}
        at = {f"{what}_endpoint": f"{self.issuer}/{what}" for what in ("authorization", "token", "userinfo", "end_session")}
        return {"issuer": self.issuer, "jwks_uri": self.issuer + "/keys", "id_token_signing_alg_values_supported": ["RS256"], **at}

    def log_in(self, authorize, email, **claims):
        """The query with which a user returns from the form at an address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorize).query).items()}
        code = secrets.token_hex(8)
        self._codes[code] = {"email": email, "name": email, "sub": email, "nonce": asked["nonce"], "groups": ["mlflow"], **claims}
        return urlencode({"code": code, "state": asked["state"]}).encode()

    def tokens(self, claims):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": AUDIENCE, "iat": now, "exp": now + 600, **claims}
        token = self._signed(claims)
        return {"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": 600}

    def bearer(self, email, **claims):
        """The header of a user's request."""
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": email, "email": email, "exp": int(time.time()) + 600, **claims}
        return [(b"authorization", b"Bearer " + self._signed(claims).encode())]

    def rotate(self):
        """Signs with a new key from now on, and also publishes the previous ones."""
        self._keys.append(_key(secrets.token_hex(4)))

    def _signed(self, claims):
        return jwt.encode({"alg": "RS256", "kid": self._keys[-1].kid}, claims, self._keys[-1])
