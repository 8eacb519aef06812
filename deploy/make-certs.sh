#!/usr/bin/env bash
# An authority of this installation's own, and a certificate for each server and process behind the proxy, which no public authority would sign.
#   deploy/make-certs.sh [FOLDER [NAME…]]        # deploy/certs, all names; what is there already stays
# ca.crt is what all of them believe (no secret). ca.key signs more certificates: keep it off this machine. Every NAME.pem is a key and its certificate, by
# which NAME is known to the others: servers show theirs, and let nobody in who shows none. Run it as root, so that each file belongs to the user that
# reads it in its container; a certificate lasts 90 days (`DAYS`), and is made anew where it ends within 30.
set -euo pipefail
umask 077
folder=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/certs}
days=${DAYS:-90}
only=("${@:2}")
mkdir -p "$folder"
cd "$folder"

if [[ ! -e ca.crt ]]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=Coffer internal authority" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.crt 2>/dev/null
  chmod 644 ca.crt
fi

# certificate NAME SUBJECT USER HOST…: a member of the set is named by its CN alone, since MongoDB takes whoever has the O and OU of a member for one.
certificate() {
  if ((${#only[@]})) && [[ " ${only[*]} " != *" $1 "* ]]; then return; fi
  local name=$1 subject=$2 user=$3 hosts="DNS:localhost,IP:127.0.0.1"
  for host in "${@:4}"; do hosts="DNS:$host,$hosts"; done
  if [[ -e $name.pem ]] && openssl x509 -in "$name.pem" -noout -checkend 2592000 >/dev/null; then return; fi
  if [[ ! -e ca.key ]]; then
    echo "make-certs: $name.pem is missing or ends within 30 days, and ca.key, which would sign it, is not here" >&2
    return 1
  fi
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "$subject" -keyout "$name.key" -out "$name.csr" 2>/dev/null
  printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' "$hosts" >"$name.ext"
  openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -sha256 -extfile "$name.ext" -out "$name.crt" 2>/dev/null
  cat "$name.key" "$name.crt" >"$name.pem"
  rm "$name.key" "$name.csr" "$name.crt" "$name.ext"
  if [[ $EUID == 0 ]]; then chown "$user" "$name.pem"; fi
}

process=/O=Coffer/OU=processes/CN=
certificate mongo /CN=mongo 0 mongo1 mongo2 mongo3
certificate valkey ${process}valkey 0 valkey
certificate proxy ${process}proxy 0
certificate coffer ${process}coffer 10001 api chains events jobs
certificate signer ${process}signer 10002
certificate deploy ${process}deploy 10001
certificate logs ${process}logs 10003 logs
certificate model ${process}model 0 model
certificate prometheus ${process}prometheus 65534 prometheus
certificate grafana ${process}grafana 472
certificate jaeger ${process}jaeger 10001 jaeger
