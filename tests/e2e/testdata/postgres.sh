# A Postgres outside of any stack: TLS for every client, and every role may try every database,
# like a managed server.
set -euo pipefail
umask 077
initdb --pgdata=/tmp/data --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 --username=postgres >/dev/null
printf 'local all postgres peer\nhostssl all all all scram-sha-256\n' >/tmp/hba.conf
exec postgres -D /tmp/data -c hba_file=/tmp/hba.conf -c unix_socket_directories=/tmp \
  -c listen_addresses="$ADDRESS" -c port="$PORT" -c max_connections=200 \
  -c ssl=on -c ssl_cert_file=/tmp/certificate.pem -c ssl_key_file=/tmp/key.pem
