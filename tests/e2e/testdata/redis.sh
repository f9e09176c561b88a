# A Redis outside of any stack: TLS, a password, no other port.
set -euo pipefail
umask 077
cat >/tmp/redis.conf <<CONF
bind $ADDRESS
port 0
# Without a password it would let no client in: a test removes it.
protected-mode no
tls-port $PORT
tls-cert-file /tmp/certificate.pem
tls-key-file /tmp/key.pem
tls-auth-clients no
save ""
dir /tmp
CONF
printf 'requirepass "%s"\n' "$(cat /tmp/password)" >>/tmp/redis.conf
exec redis-server /tmp/redis.conf
