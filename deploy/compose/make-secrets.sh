#!/bin/sh
# Draws what compose.yaml needs into secrets/, once; a file that is there is left as it is.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

put() {
  [ -e "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"
}

drawn() {
  openssl rand -hex 24
}

put POSTGRES_PASSWORD "$(drawn)"
put GRAFANA_PASSWORD "$(drawn)"
put PREFECT_SERVER_API_AUTH_STRING "birthcert:$(drawn)"
# a Fernet key: 32 bytes in URL-safe base64
put PREFECT_SERVER_ENCRYPTION_KEY "$(openssl rand -base64 32 | tr '+/' '-_')"
login="birthcert:$(cat secrets/POSTGRES_PASSWORD)@postgres:5432"
put PREFECT_SERVER_DATABASE_CONNECTION_URL "postgresql+asyncpg://$login/prefect"
put BIRTHCERT_LEDGER_URL "postgresql+psycopg://$login/birthcert"
# the user of the containers reads them; the folder keeps others out
chmod 0444 secrets/*
