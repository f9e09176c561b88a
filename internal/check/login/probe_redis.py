# Asks a Redis that is not the stack's, from where MLflow is: scan prints the keys of
# decisions about permissions, the others print the server's own words to a PING.
import os
import socket
import ssl
import sys
from urllib.parse import unquote, urlsplit

url, what = os.environ["CACHE_REDIS_URL"], sys.argv[1]
at = urlsplit(url)

if what == "scan":
    import redis

    for key in redis.Redis.from_url(url).scan_iter(match=os.environ["CACHE_KEY_PREFIX"] + "*permissions_v2*"):
        print(key.decode())
    sys.exit()

connection = socket.create_connection((at.hostname, at.port), 10)
if at.scheme == "rediss":
    connection = ssl.create_default_context().wrap_socket(connection, server_hostname=at.hostname)
answers = connection.makefile("rb")


def say(*words):
    connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    return answers.readline().decode().strip()


if what == "wrong":
    print(say(b"AUTH", b"password"))
if what == "ping":
    print(say(b"AUTH", unquote(at.password).encode()))
print(say(b"PING"))
