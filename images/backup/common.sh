# Functions that the scripts of this image share.
umask 077
state=/var/lib/backup
export RESTIC_CACHE_DIR=$state/cache RESTIC_PROGRESS_FPS=0.1
say() { echo "backup: $1"; }
fail() { echo "backup: $1" >&2; exit "${2:-1}"; }

# From here on only one process at a time writes to the repository; code 75 means that another one
# does.
alone() { exec 9>"$state/lock"; flock --nonblock 9 || fail "another backup or check of this stack is under way: wait for its end" 75; }

# Replaces a file atomically.
put() { cat >"$1.new" && mv "$1.new" "$1"; }

# Database credentials for libpq. Passwords must not become arguments.
services() {
  local name upper
  for name in $BACKUP_DATABASES; do
    upper=${name^^}
    local database=BACKUP_NAME_$upper user=BACKUP_USER_$upper password=BACKUP_PASSWORD_$upper
    printf '[%s]\nhost=%s\nport=%s\ndbname=%s\nuser=%s\npassword=%s\nsslmode=%s\n' \
      "$name" "$BACKUP_HOST" "$BACKUP_PORT" "${!database}" "${!user}" "${!password}" "$BACKUP_SSLMODE"
    [[ -z ${BACKUP_ROOT_CERTIFICATES:-} ]] || echo "sslrootcert=$BACKUP_ROOT_CERTIFICATES"
  done >/tmp/services.conf
  export PGSERVICEFILE=/tmp/services.conf PGCONNECT_TIMEOUT=20
}
