"""What signs a request."""

from requests.auth import AuthBase


class Auth(AuthBase):
    """Puts a token into each request. It is made for every request, and the tokens are not."""

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
