#!/usr/bin/env bash
# Makes the certificates, keys and key stores of this folder anew. Needs openssl (3.x) and keytool (17).
set -euo pipefail
cd "$(dirname "$0")"
rm -rf -- *.pem *.key *.p12 *.jks *.jceks
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PASS=changeit
sign() { # the rest of the command
  openssl ca -md sha256 -batch -notext -startdate "${STARTS:-19700101000000Z}" \
    -enddate 20991231235959Z "$@" 2>/dev/null
}

key() { openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:${2:-P-256}" -out "$1.key" 2>/dev/null; }

# A CA: NAME, subject.
ca() {
  key "$1"
  mkdir -p "$work/$1"
  : >"$work/$1/index"
  cat >"$work/$1.cnf" <<END
[ca]
default_ca = me
[me]
database = $work/$1/index
new_certs_dir = $work/$1
rand_serial = yes
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
END
  openssl req -new -config "$work/$1.cnf" -key "$1.key" -subj "/CN=$2" -out "$work/$1.csr"
  sign -config "$work/$1.cnf" -selfsign -keyfile "$1.key" -extensions root \
    -in "$work/$1.csr" -out "$1.pem"
}

# A certificate for NAME.key: CA, NAME, common name, extensions.
certify() {
  printf '%s\n' '[ext]' "$4" >"$work/ext"
  openssl req -new -config "$work/$1.cnf" -key "$2.key" -subj "/CN=$3" -out "$work/csr"
  sign -config "$work/$1.cnf" -cert "$1.pem" -keyfile "$1.key" \
    -extfile "$work/ext" -extensions ext -in "$work/csr" -out "$2.pem"
}

SERVER='extendedKeyUsage = serverAuth'
CLIENT='extendedKeyUsage = clientAuth'
ca ca 'kurier test CA'
ca stranger 'another CA'

key server; certify ca server broker "$SERVER
subjectAltName = DNS:localhost, DNS:*.kafka.test, IP:127.0.0.1, IP:::1"
key young; STARTS=20900101000000Z certify ca young localhost "$SERVER
subjectAltName = DNS:localhost"
key nameless; certify ca nameless localhost "$SERVER"
key secp521 P-521; certify ca secp521 localhost "$SERVER
subjectAltName = DNS:localhost"
key client; certify ca client alice "$CLIENT"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key 2>/dev/null
certify ca rsa rosa "$CLIENT"

# Keys in other forms.
openssl ec -in client.key -out client-sec1.key 2>/dev/null
openssl rsa -in rsa.key -traditional -out rsa-pkcs1.key 2>/dev/null
openssl rsa -in rsa.key -traditional -aes256 -passout pass:$PASS -out rsa-old-encrypted.key 2>/dev/null
openssl pkcs8 -topk8 -in client.key -v2 aes-256-cbc -passout pass:$PASS -out client-encrypted.key
openssl pkcs8 -topk8 -in client.key -v2 des3 -v2prf hmacWithSHA1 -passout pass:$PASS \
  -out client-encrypted-old.key
cat client.pem client.key >client-both.pem

# Key stores as openssl makes them, and as keytool does, today (.p12) and long ago (-old.p12, .jks).
openssl pkcs12 -export -in client.pem -inkey client.key -certfile ca.pem -name alice \
  -passout pass:$PASS -out client-openssl.p12
openssl pkcs12 -export -in client.pem -inkey client.key -certfile ca.pem -name alice \
  -passout pass:$PASS -out client-openssl-old.p12 -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES \
  -macalg sha1
openssl pkcs12 -export -nokeys -in ca.pem -passout pass:$PASS -out trust-openssl.p12
to() {
  keytool -importkeystore -srckeystore client-openssl.p12 -srcstorepass $PASS -deststorepass $PASS \
    "$@" 2>/dev/null
}
trust() {
  keytool -importcert -noprompt -file ca.pem -alias ca -storepass $PASS "$@" 2>/dev/null
}
to -destkeystore client.p12 -deststoretype PKCS12
to -destkeystore client-old.p12 -deststoretype PKCS12 -J-Dkeystore.pkcs12.legacy
to -destkeystore client.jks -deststoretype JKS -destkeypass changeit2
to -destkeystore client.jceks -deststoretype JCEKS
trust -keystore trust.p12 -storetype PKCS12
trust -keystore trust-old.p12 -storetype PKCS12 -J-Dkeystore.pkcs12.legacy
trust -keystore trust.jks -storetype JKS
rm -f stranger.key
