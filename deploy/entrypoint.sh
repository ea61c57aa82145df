#!/bin/sh
# Each secret that is mounted becomes the environment variable that it is named after: Prefect takes
# its own from the environment alone.
set -eu
for file in "${SECRETS_FOLDER:-/run/secrets}"/*; do
  if [ -f "$file" ]; then
    export "$(basename "$file")=$(cat "$file")"
  fi
done
exec "$@"
