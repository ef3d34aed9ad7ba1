#!/bin/bash
# Runs a class with Kafka's jars. Supports what the distribution's script of this name does:
# KAFKA_HEAP_OPTS, KAFKA_JVM_PERFORMANCE_OPTS, KAFKA_GC_LOG_OPTS, KAFKA_JMX_OPTS, JMX_PORT, KAFKA_LOG4J_OPTS, KAFKA_OPTS,
# CLASSPATH (put first), LOG_DIR, JAVA_HOME; options -daemon, -name NAME, -loggc.
if [ $# -lt 1 ]; then
  echo "usage: $0 [-daemon] [-name servicename] [-loggc] classname [opts]" >&2
  exit 1
fi

home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name= ; daemon= ; log_gc=
while [ $# -gt 0 ]; do
  case $1 in
    -name) name=$2; shift 2 ;;
    -loggc) log_gc=true; shift ;;
    -daemon) daemon=true; shift ;;
    *) break ;;
  esac
done

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
: "${LOG_DIR:=$home/logs}"
: "${KAFKA_HEAP_OPTS:=-Xmx256M}"
: "${KAFKA_JVM_PERFORMANCE_OPTS:=-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true}"
: "${KAFKA_JMX_OPTS:=-Dcom.sun.management.jmxremote=true -Dcom.sun.management.jmxremote.authenticate=false -Dcom.sun.management.jmxremote.ssl=false}"
if [ -n "$JMX_PORT" ]; then
  KAFKA_JMX_OPTS="$KAFKA_JMX_OPTS -Dcom.sun.management.jmxremote.port=$JMX_PORT"
fi
if [ -z "$KAFKA_LOG4J_OPTS" ]; then
  KAFKA_LOG4J_OPTS="-Dlog4j2.configurationFile=$home/config/tools-log4j2.yaml"
else
  mkdir -p "$LOG_DIR" 2>/dev/null
fi
KAFKA_LOG4J_OPTS="-Dkafka.logs.dir=$LOG_DIR $KAFKA_LOG4J_OPTS"
if [ -n "$log_gc" ] && [ -z "$KAFKA_GC_LOG_OPTS" ]; then
  KAFKA_GC_LOG_OPTS="-Xlog:gc*:file=$LOG_DIR/$name-gc.log:time,tags:filecount=10,filesize=100M"
fi
# Sorted by name rather than in the folder's order: a class archive (-XX:SharedArchiveFile) is only valid for one order.
jars=$(IFS=: ; set -- "$home"/libs/*.jar; echo "$*")
classpath=${CLASSPATH:+$CLASSPATH:}$jars

# The option variables hold several words each.
# shellcheck disable=SC2086
if [ -n "$daemon" ]; then
  nohup "$java" $KAFKA_HEAP_OPTS $KAFKA_JVM_PERFORMANCE_OPTS $KAFKA_GC_LOG_OPTS $KAFKA_JMX_OPTS $KAFKA_LOG4J_OPTS \
    -cp "$classpath" $KAFKA_OPTS "$@" > "$LOG_DIR/$name.out" 2>&1 < /dev/null &
else
  exec "$java" $KAFKA_HEAP_OPTS $KAFKA_JVM_PERFORMANCE_OPTS $KAFKA_GC_LOG_OPTS $KAFKA_JMX_OPTS $KAFKA_LOG4J_OPTS \
    -cp "$classpath" $KAFKA_OPTS "$@"
fi
