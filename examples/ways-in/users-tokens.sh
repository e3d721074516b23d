#!/bin/sh
# A token for one person: prints the line for --user-tokens, writes the client's configuration.
#   users-tokens.sh NAME GROUP FOLDER      (then: DOCKER_CONFIG=FOLDER docker ps)
set -e
name=${1:?usage: users-tokens.sh NAME GROUP FOLDER}
group=${2:?usage: users-tokens.sh NAME GROUP FOLDER}
folder=${3:?usage: users-tokens.sh NAME GROUP FOLDER}
token=$(head -c 32 /dev/urandom | base64 | tr -d '+/=\n')
mkdir -p "$folder"
(umask 077; printf '{"HttpHeaders":{"Authorization":"Bearer %s"}}\n' "$token" > "$folder/config.json")
printf '%s:%s:%s\n' "$name" "$(printf %s "$token" | sha256sum | cut -d' ' -f1)" "$group"
