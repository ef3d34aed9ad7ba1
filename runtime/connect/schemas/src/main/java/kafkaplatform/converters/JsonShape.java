package kafkaplatform.converters;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.DataException;

/** What a schema of JSON allows, as Kafka Connect knows it: its schema, and how values are read. */
record JsonShape(Schema schema, Values values) {
    /** Reads a value that is not null. */
    interface Values {
        Object read(JsonNode value, String path);
    }

    /** The value; `path` says where it is in its record. */
    Object value(JsonNode given, String path) {
        if (given == null || given.isNull() || given.isMissingNode()) {
            if (schema.defaultValue() != null) {
                return schema.defaultValue();
            }
            if (!schema.isOptional()) {
                throw new DataException(path + ": missing");
            }
            return null;
        }
        return values.read(given, path);
    }

    static DataException unfit(JsonNode given, String path, String wanted) {
        return new DataException(path + ": is " + given.getNodeType().toString().toLowerCase(java.util.Locale.ROOT) + ", not " + wanted);
    }
}
