#!/bin/bash
# Starts a broker, a controller or both: kafka-server-start.sh [-daemon] server.properties [--override property=value]*
if [ $# -lt 1 ]; then
  echo "usage: $0 [-daemon] server.properties [--override property=value]*" >&2
  exit 1
fi
bin=$(dirname "${BASH_SOURCE[0]}")
export KAFKA_LOG4J_OPTS=${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=$bin/../config/log4j2.yaml}
export KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G}
EXTRA_ARGS=${EXTRA_ARGS--name kafkaServer -loggc}
if [ "$1" = -daemon ]; then
  EXTRA_ARGS="-daemon $EXTRA_ARGS"
  shift
fi
# shellcheck disable=SC2086
exec "$bin/kafka-run-class.sh" $EXTRA_ARGS kafka.Kafka "$@"
