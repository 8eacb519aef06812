#!/usr/bin/env bash
# Waits for the server at MONGO_HOST (127.0.0.1:27017) and forms the replica set of MEMBERS. Harmless to repeat.
#   MONGO_HOST=mongo1:27017 MEMBERS=mongo1:27017,mongo2:27017,mongo3:27017 mongodb_config/scripts/init-replica-set.sh [mongosh options]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
host=${MONGO_HOST:-127.0.0.1:27017}

for attempt in {1..60}; do
  if mongosh --quiet --host "$host" "$@" --eval 'db.adminCommand({ ping: 1 }).ok' >/dev/null 2>&1; then
    exec mongosh --quiet --host "$host" "$@" --file "$here/init-replica-set.js"
  fi
  sleep 1
done
echo "init-replica-set: no server answers at $host" >&2
exit 1
