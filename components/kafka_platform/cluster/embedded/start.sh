#!/bin/sh
# Renders this node's server.properties into memory, formats an empty volume once, and runs the broker.
# NODE_ID comes from the pod's index; the *_DIR variables and those behind them are for running it outside a pod.
set -eu
umask 077

home=${KAFKA_HOME:-/opt/kafka}
config=${CONFIG_DIR:-/etc/kafka-platform/config}
credentials=${CREDENTIALS_DIR:-/etc/kafka-platform/credentials}
certificate=${CERTIFICATE_DIR:-/etc/kafka-platform/certificate}
data=${DATA_DIR:-/var/lib/kafka/data}
run=${RUN_DIR:-/run/kafka-platform}
termination_log=${TERMINATION_LOG:-/dev/termination-log}
alone_seconds=${ALONE_SECONDS:-10}
renewal_seconds=${RENEWAL_SECONDS:-10}

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
case $broker_password in
    '' | *[!A-Za-z0-9_-]*) fail "the password of the nodes has other characters than letters and digits: restore its Secret by pulumi up --refresh" ;;
esac

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
        fail "this volume belongs to cluster $formatted_as, not $cluster_id: it was kept from an earlier deployment: set kafka.clusterId: $formatted_as in the stack file (cluster_id of the component) to take over its records. To begin without them, use another namespace, which leaves them as they are"
    fi
elif ! KAFKA_OPTS=$(shared storage.jsa) "$home/bin/kafka-storage.sh" format --config "$run/server.properties" "--cluster-id=$cluster_id" \
    --ignore-formatted >"$run/format.log" 2>&1; then
    cat "$run/format.log" >&2
    fail "the volume cannot be formatted: $(tail -n 1 "$run/format.log")"
fi

KAFKA_OPTS=$(shared kafka.jsa)
export KAFKA_OPTS
"$home/bin/kafka-server-start.sh" "$run/server.properties" &
kafka=$!
ending=
# The Secret may get a renewed certificate. The program beside the broker sees that, and tells the broker to read this file again.
if [ -e "$certificate/tls.key" ]; then
    while sleep "$renewal_seconds" && kill -0 "$kafka"; do
        cat "$certificate/tls.key" "$certificate/tls.crt" >"$run/next.pem" || continue
        [ "$(cat "$run/next.pem")" = "$(cat "$run/keystore.pem")" ] || mv "$run/next.pem" "$run/keystore.pem"
    done >/dev/null 2>&1 &
fi
trap 'ending=yes; kill -TERM "$kafka" 2>/dev/null || true' TERM INT

# Whether so many of the controllers' pods are no more that the others cannot decide on anything. The API server's name shows
# that names can be looked up at all.
quorum_is_gone() {
    known=0
    all=0
    for voter in $(sed -n 's/^controller\.quorum\.voters=//p' "$run/server.properties" | tr ',' ' '); do
        host=${voter#*@}
        all=$((all + 1))
        if getent hosts "${host%:*}" >/dev/null 2>&1; then known=$((known + 1)); fi
    done
    [ $((2 * known)) -le "$all" ] && getent hosts kubernetes.default.svc >/dev/null 2>&1
}

code=0
wait "$kafka" || code=$?
if [ -n "$ending" ]; then
    # A broker that is told to end asks the controllers to move its leaders away, for five minutes if need be. Where all
    # nodes are taken away at once it can happen that nobody is left who could answer.
    alone=0
    while kill -0 "$kafka" 2>/dev/null; do
        sleep 1
        if quorum_is_gone; then alone=$((alone + 1)); else alone=0; fi
        if [ "$alone" -ge "$alone_seconds" ]; then
            echo "most controllers are gone for $alone_seconds s: nobody is left who could let this broker go, it is ended"
            kill -KILL "$kafka" 2>/dev/null || true
            break
        fi
    done
    code=0
    wait "$kafka" || code=$?
fi
# 1 % of the volume, at most 16 MiB, is less than a batch and the index that it needs.
set -- $(df -kP "$data" | tail -n 1)
least=$(($2 / 100))
if [ "$least" -gt 16384 ]; then least=16384; fi
if [ -z "$ending" ] && [ "$code" -ne 0 ] && [ "$4" -lt "$least" ]; then
    fail "the volume is full: raise kafka.storage where the storage class lets volumes grow; docs/operations.md (A volume is full) says what helps elsewhere, without losing records"
fi
exit "$code"
