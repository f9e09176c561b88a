"""Signs requests with a token."""

from requests.auth import AuthBase


class Auth(AuthBase):
    """Adds a token to each request. MLflow creates one object per request; the tokens are shared.
    """

    def __init__(self, tokens):
        self._tokens = tokens

    def __call__(self, request):
        token = self._tokens.get()
        request.headers["Authorization"] = "Bearer " + token

        def seen(response, **_):
            if response.status_code == 401:
                self._tokens.forget(token)

        request.register_hook("response", seen)
        return request
