#!/bin/sh
# Renders this node's server.properties into memory, formats an empty volume once, and becomes the broker.
# NODE_ID comes from the pod's index; the *_DIR variables are for running it outside a pod.
set -eu
umask 077

home=${KAFKA_HOME:-/opt/kafka}
config=${CONFIG_DIR:-/etc/kafka-platform/config}
credentials=${CREDENTIALS_DIR:-/etc/kafka-platform/credentials}
certificate=${CERTIFICATE_DIR:-/etc/kafka-platform/certificate}
data=${DATA_DIR:-/var/lib/kafka/data}
run=${RUN_DIR:-/run/kafka-platform}
termination_log=${TERMINATION_LOG:-/dev/termination-log}

# The official image has archives of the classes that are loaded at the start; with one it takes half the processor time.
shared() {
    if [ -e "$home/$1" ]; then echo "${KAFKA_OPTS:-} -XX:SharedArchiveFile=$home/$1"; else echo "${KAFKA_OPTS:-}"; fi
}

fail() {
    echo "$1" >&2
    echo "$1" >"$termination_log" || true
    exit 1
}

mkdir -p "$data" "$run"
cluster_id=$(cat "$config/cluster-id")
broker_password=$(cat "$credentials/broker")

# printf is a builtin of the shell: no password is ever an argument of a process.
{
    cat "$config/cluster.properties" "$config/node-$NODE_ID.properties"
    echo "log.dirs=$data"
    plain="org.apache.kafka.common.security.plain.PlainLoginModule required username=\"broker\""
    for listener in controller replication; do
        printf 'listener.name.%s.plain.sasl.jaas.config=%s password="%s" user_broker="%s";\n' \
            "$listener" "$plain" "$broker_password" "$broker_password"
    done
    if [ -e "$certificate/tls.key" ]; then
        echo "ssl.keystore.location=$run/keystore.pem"
    fi
} >"$run/server.properties"

if [ -e "$certificate/tls.key" ]; then
    grep -q -e '-----BEGIN PRIVATE KEY-----' "$certificate/tls.key" ||
        fail "the certificate's tls.key is not an unencrypted PKCS#8 key: convert it with: openssl pkcs8 -topk8 -nocrypt"
    cat "$certificate/tls.key" "$certificate/tls.crt" >"$run/keystore.pem"
fi

if [ -e "$data/meta.properties" ]; then
    formatted_as=$(sed -n 's/^cluster\.id=//p' "$data/meta.properties")
    if [ "$formatted_as" != "$cluster_id" ]; then
        fail "this volume belongs to cluster $formatted_as, not $cluster_id: it was kept from an earlier deployment; move its claim away or delete it, and the node starts empty"
    fi
elif ! KAFKA_OPTS=$(shared storage.jsa) "$home/bin/kafka-storage.sh" format --config "$run/server.properties" "--cluster-id=$cluster_id" \
    --ignore-formatted >"$run/format.log" 2>&1; then
    cat "$run/format.log" >&2
    fail "the volume cannot be formatted: $(tail -n 1 "$run/format.log")"
fi

KAFKA_OPTS=$(shared kafka.jsa)
export KAFKA_OPTS
exec "$home/bin/kafka-server-start.sh" "$run/server.properties"
