"""Exchanges an authorization code for an access token as MLflow does, with the client secret of the container's environment.

The code, its verifier and the redirect address come as JSON on standard input.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

READ = 20


def exchange(grant, environment):
    """Returns the access token; exits if the token endpoint refuses."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(environment["OIDC_DISCOVERY_URL"], timeout=READ) as answer:
        endpoint = json.load(answer)["token_endpoint"]
    form = {
        "grant_type": "authorization_code", "code": grant["code"], "code_verifier": grant["verifier"], "redirect_uri": grant["redirect_uri"],
        "client_id": environment["OIDC_CLIENT_ID"], "client_secret": environment["OIDC_CLIENT_SECRET"],
    }  # fmt: skip
    try:
        with opener.open(endpoint, urllib.parse.urlencode(form).encode(), timeout=READ) as answer:
            return {"access_token": json.load(answer)["access_token"]}
    except urllib.error.HTTPError as error:
        sys.exit(f"the token endpoint answers {error.code} {error.read().decode(errors='replace')[:300]}")


if __name__ == "__main__":
    print(json.dumps(exchange(json.load(sys.stdin), os.environ)))
