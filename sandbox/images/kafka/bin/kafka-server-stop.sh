#!/bin/bash
# Asks every Kafka server that this user runs in this container to shut down.
found=
for folder in /proc/[0-9]*; do
  if tr '\0' '\n' < "$folder/cmdline" 2>/dev/null | grep -qx kafka.Kafka; then
    kill -s "${SIGNAL:-TERM}" "${folder#/proc/}" && found=true
  fi
done
[ -n "$found" ] || { echo "No kafka server to stop" >&2; exit 1; }
