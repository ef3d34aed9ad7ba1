#!/bin/bash
# What the image runs by default: one combined node with /mnt/shared/config/server.properties, or the default settings.
settings=/mnt/shared/config/server.properties
[ -f "$settings" ] || settings=/opt/kafka/config/server.properties
/opt/kafka/bin/kafka-storage.sh format --standalone --ignore-formatted --cluster-id "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" --config "$settings" || exit
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
