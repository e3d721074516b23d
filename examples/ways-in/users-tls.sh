#!/bin/sh
# Certificates for a manager and two people. Run on the manager; berthd is in PATH.
#   users-tls.sh MANAGER-ADDRESS [FOLDER]
set -e
address=${1:?usage: users-tls.sh MANAGER-ADDRESS [FOLDER]}
folder=${2:-/etc/berth/certs}
berthd cert create "$address" localhost --dir "$folder"
berthd cert client ann --dir "$folder"
berthd cert client bob --dir "$folder"
echo
echo "Give each of them their folder under $folder/clients; then:"
echo "  export DOCKER_HOST=tcp://$address:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=~/ann"
echo "In --access FILE they are cert=ann and cert=bob."
