#!/usr/bin/env bash
# An authority of this installation's own, and a certificate for the servers behind the proxy, which no public authority would sign.
#   deploy/make-certs.sh [FOLDER]        # deploy/certs; what is there already stays
# ca.crt is what clients believe (no secret). ca.key signs more certificates: keep it off this machine. mongo.pem is key and certificate of every member.
set -euo pipefail
umask 077
folder=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/certs}
names="DNS:mongo1,DNS:mongo2,DNS:mongo3,DNS:localhost,IP:127.0.0.1"
mkdir -p "$folder"
cd "$folder"

if [[ ! -e ca.crt ]]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=Coffer internal authority" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.crt 2>/dev/null
  chmod 644 ca.crt
fi
if [[ ! -e mongo.pem ]]; then
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=mongo" -keyout mongo.key -out mongo.csr 2>/dev/null
  printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' "$names" >mongo.ext
  openssl x509 -req -in mongo.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -sha256 -extfile mongo.ext -out mongo.crt 2>/dev/null
  cat mongo.key mongo.crt >mongo.pem
  rm mongo.key mongo.csr mongo.crt mongo.ext
fi
openssl x509 -in mongo.pem -noout -checkend 2592000 >/dev/null || echo "make-certs: mongo.pem ends within 30 days: move it away, and run this again" >&2
