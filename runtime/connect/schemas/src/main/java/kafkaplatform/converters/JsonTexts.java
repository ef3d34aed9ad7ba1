package kafkaplatform.converters;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.Date;
import java.util.Locale;
import java.util.Map;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/** What Kafka Connect knows, as JSON Schema and JSON. Schemas say in `connect.type` and `title` what JSON does not tell apart. */
final class JsonTexts {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private JsonTexts() {}

    static ObjectNode schema(Schema schema) {
        ObjectNode own = NODES.objectNode();
        switch (schema.type()) {
            case STRUCT -> {
                own.put("type", "object");
                struct(schema, own);
            }
            case MAP -> {
                if (schema.keySchema().type() != Schema.Type.STRING) {
                    throw new DataException("a map has keys that are no strings, which JSON cannot have");
                }
                own.put("type", "object").put("connect.type", "map").set("additionalProperties", schema(schema.valueSchema()));
            }
            case ARRAY -> own.put("type", "array").set("items", schema(schema.valueSchema()));
            case STRING -> own.put("type", "string");
            case BOOLEAN -> own.put("type", "boolean");
            case BYTES -> own.put("type", Decimal.LOGICAL_NAME.equals(schema.name()) ? "number" : "string").put("connect.type", "bytes");
            case FLOAT32, FLOAT64 -> own.put("type", "number").put("connect.type", word(schema));
            default -> own.put("type", "integer").put("connect.type", word(schema));
        }
        if (schema.name() != null) {
            own.put("title", schema.name());
        }
        if (schema.version() != null) {
            own.put("connect.version", schema.version());
        }
        if (schema.parameters() != null && !schema.parameters().isEmpty()) {
            ObjectNode parameters = own.putObject("connect.parameters");
            schema.parameters().forEach(parameters::put);
        }
        if (!schema.isOptional()) {
            return own;
        }
        ObjectNode made = NODES.objectNode();
        made.putArray("oneOf").add(NODES.objectNode().put("type", "null")).add(own);
        return made;
    }

    /** No other properties: then a column that is added is a version that readers of the last one can be replaced by. */
    private static void struct(Schema schema, ObjectNode own) {
        ObjectNode properties = own.putObject("properties");
        ArrayNode required = NODES.arrayNode();
        for (Field each : schema.fields()) {
            ObjectNode made = schema(each.schema());
            made.put("connect.index", each.index());
            properties.set(each.name(), made);
            if (!each.schema().isOptional() && each.schema().defaultValue() == null) {
                required.add(each.name());
            }
        }
        if (!required.isEmpty()) {
            own.set("required", required);
        }
        own.put("additionalProperties", false);
    }

    private static String word(Schema schema) {
        return schema.type().name().toLowerCase(Locale.ROOT);
    }

    static JsonNode value(Schema schema, Object value) {
        if (value == null) {
            return NODES.nullNode();
        }
        if (value instanceof Date) {
            return NODES.numberNode(instant(schema, (Date) value));
        }
        if (value instanceof BigDecimal) {
            return NODES.numberNode((BigDecimal) value);
        }
        return switch (schema.type()) {
            case STRUCT -> {
                ObjectNode made = NODES.objectNode();
                for (Field each : schema.fields()) {
                    made.set(each.name(), value(each.schema(), ((Struct) value).get(each)));
                }
                yield made;
            }
            case MAP -> {
                ObjectNode made = NODES.objectNode();
                ((Map<?, ?>) value).forEach((key, one) -> made.set((String) key, value(schema.valueSchema(), one)));
                yield made;
            }
            case ARRAY -> {
                ArrayNode made = NODES.arrayNode();
                ((Collection<?>) value).forEach(one -> made.add(value(schema.valueSchema(), one)));
                yield made;
            }
            case STRING -> NODES.textNode(value.toString());
            case BOOLEAN -> NODES.booleanNode((Boolean) value);
            case BYTES -> NODES.binaryNode(bytes(value));
            case FLOAT32, FLOAT64 -> real(((Number) value).doubleValue(), value);
            default -> NODES.numberNode(((Number) value).longValue());
        };
    }

    private static JsonNode real(double number, Object value) {
        if (Double.isNaN(number) || Double.isInfinite(number)) {
            throw new DataException(number + " is no number of JSON");
        }
        return value instanceof Float ? NODES.numberNode((Float) value) : NODES.numberNode(number);
    }

    private static long instant(Schema schema, Date value) {
        if (Timestamp.LOGICAL_NAME.equals(schema.name())) {
            return Timestamp.fromLogical(schema, value);
        }
        return Time.LOGICAL_NAME.equals(schema.name())
                ? Time.fromLogical(schema, value)
                : org.apache.kafka.connect.data.Date.fromLogical(schema, value);
    }

    private static byte[] bytes(Object value) {
        if (value instanceof byte[]) {
            return (byte[]) value;
        }
        ByteBuffer given = ((ByteBuffer) value).duplicate();
        byte[] found = new byte[given.remaining()];
        given.get(found);
        return found;
    }
}
