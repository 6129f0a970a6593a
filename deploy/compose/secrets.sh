#!/bin/sh
# Makes the secrets that compose.yaml names, once. Keep a copy of hub_secret_key elsewhere: without it no secret opens.
#
# The folder is closed; the files in it can be read by everybody, since compose mounts them into containers with the
# owner and mode they have here, and the processes there have other users.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir secrets || {
    echo "there are secrets already: $(pwd)/secrets" >&2
    exit 1
}
password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
printf '%s' "$password" >secrets/postgres_password
printf 'postgresql://hub:%s@postgres:5432/hub' "$password" >secrets/hub_database_url
head -c 32 /dev/urandom | base64 >secrets/hub_secret_key
chmod 444 secrets/*
echo "made $(pwd)/secrets"
