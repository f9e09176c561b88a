"""Sends requests with Python's requests, which sends a body to its end before it reads; prints what came back.

Input as JSON: the site's address, its certificate authority, and pairs of a path and a number of MiB.
"""

import json
import sys
import tempfile

import requests


class Zeros:
    def __init__(self, size):
        self.len = size

    def read(self, size):
        size = min(size, self.len)
        self.len -= size
        return bytes(size)


given = json.load(sys.stdin)
with tempfile.NamedTemporaryFile("w", suffix=".pem") as authority:
    authority.write(given["authority"])
    authority.flush()
    answers = []
    for path, mebibytes in given["requests"]:
        got = requests.put(given["address"] + path, data=Zeros(mebibytes << 20), verify=authority.name, timeout=120)
        answers.append([got.status_code, got.text])
print(json.dumps(answers))
