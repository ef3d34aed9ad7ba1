package kafkaplatform.converters;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;

/**
 * A schema of JSON as Kafka Connect knows it. Objects with properties are structures; what has no columns (other objects, alternatives,
 * values of any type) is its text in JSON. `connect.type`, `connect.index` and `title` say more, as Confluent's converter writes them.
 */
final class JsonShapes {
    private static final String TEXT = "kafkaplatform.Json";
    private static final Map<String, Schema.Type> WHOLE = Map.of(
            "int8", Schema.Type.INT8, "int16", Schema.Type.INT16, "int32", Schema.Type.INT32, "int64", Schema.Type.INT64);

    private record Source(String name, JsonNode root) {}

    private final JsonNode root;
    private final Map<String, JsonNode> others;
    private final Deque<JsonNode> within = new ArrayDeque<>();

    JsonShapes(JsonNode root, Map<String, JsonNode> others) {
        this.root = root;
        this.others = others;
    }

    JsonShape shape() {
        return shape(root, new Source("", root), false);
    }

    private JsonShape shape(JsonNode schema, Source source, boolean optional) {
        if (within.stream().anyMatch(each -> each == schema)) {
            throw new DataException("the schema contains itself, which no table can hold");
        }
        within.push(schema);
        try {
            return made(schema, source, optional);
        } finally {
            within.pop();
        }
    }

    private JsonShape made(JsonNode schema, Source source, boolean optional) {
        if (schema.has("$ref")) {
            return referred(schema.path("$ref").asText(), source, optional);
        }
        for (String word : List.of("oneOf", "anyOf")) {
            if (schema.has(word) && !schema.has("properties")) {
                return alternative(schema.path(word), schema, source, optional);
            }
        }
        if (schema.path("allOf").size() == 1 && !schema.has("properties")) {
            return shape(schema.path("allOf").get(0), source, optional);
        }
        boolean[] nullable = {optional};
        String type = type(schema, nullable);
        return switch (type) {
            case "object" -> object(schema, source, nullable[0]);
            case "array" -> array(schema, source, nullable[0]);
            case "string" -> string(schema, nullable[0]);
            case "integer", "number" -> number(schema, type, nullable[0]);
            case "boolean" -> new JsonShape(named(SchemaBuilder.bool(), schema, nullable[0]).build(), (value, path) -> {
                if (!value.isBoolean()) {
                    throw JsonShape.unfit(value, path, "a boolean");
                }
                return value.booleanValue();
            });
            default -> text(nullable[0]);
        };
    }

    /** The only type besides null; "any" if there are others. */
    private static String type(JsonNode schema, boolean[] nullable) {
        JsonNode type = schema.path("type");
        List<String> found = new ArrayList<>();
        if (type.isTextual()) {
            found.add(type.asText());
        }
        type.forEach(each -> found.add(each.asText()));
        if (found.remove("null")) {
            nullable[0] = true;
        }
        if (found.isEmpty() && schema.has("properties")) {
            return "object";
        }
        if (found.isEmpty() && schema.path("enum").size() > 0 && all(schema.path("enum"), JsonNode::isTextual)) {
            return "string";
        }
        return found.size() == 1 && schema.path("allOf").isMissingNode() ? found.get(0) : "any";
    }

    private static boolean all(JsonNode list, java.util.function.Predicate<JsonNode> fits) {
        for (JsonNode each : list) {
            if (!fits.test(each)) {
                return false;
            }
        }
        return true;
    }

    private JsonShape referred(String reference, Source source, boolean optional) {
        int hash = reference.indexOf('#');
        String file = hash < 0 ? reference : reference.substring(0, hash);
        String pointer = hash < 0 ? "" : reference.substring(hash + 1);
        Source target = source;
        if (!file.isEmpty()) {
            JsonNode known = others.get(file);
            if (known == null) {
                throw new DataException("$ref: " + file + " is not among the schema's references");
            }
            target = new Source(file, known);
        }
        JsonNode found = pointer.isEmpty() ? target.root() : pointer.startsWith("/") ? target.root().at(pointer) : null;
        if (found == null || found.isMissingNode()) {
            throw new DataException("$ref: " + reference + " leads nowhere");
        }
        return shape(found, target, optional);
    }

    /** One schema that may be null is that schema; several are text. */
    private JsonShape alternative(JsonNode given, JsonNode outer, Source source, boolean optional) {
        List<JsonNode> found = new ArrayList<>();
        boolean nullable = optional;
        for (JsonNode each : given) {
            if (each.path("type").asText().equals("null")) {
                nullable = true;
            } else {
                found.add(each);
            }
        }
        if (found.size() != 1) {
            return text(true);
        }
        JsonNode only = found.get(0);
        if (outer.has("default") && only.isObject() && !only.has("default")) {
            only = ((ObjectNode) only).deepCopy().set("default", outer.get("default"));
        }
        return shape(only, source, nullable);
    }

    private JsonShape object(JsonNode schema, Source source, boolean optional) {
        if (schema.path("properties").size() == 0) {
            return map(schema, source, optional);
        }
        Set<String> required = new HashSet<>();
        schema.path("required").forEach(each -> required.add(each.asText()));
        List<Map.Entry<String, JsonNode>> properties = new ArrayList<>(schema.path("properties").properties());
        // The order of columns where the schema gives one, otherwise that of the text.
        properties.sort(Comparator.comparingInt(each -> each.getValue().path("connect.index").asInt(Integer.MAX_VALUE)));
        SchemaBuilder made = named(SchemaBuilder.struct(), schema, optional);
        Map<String, JsonShape> shapes = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> each : properties) {
            JsonShape shape = shape(each.getValue(), source, !required.contains(each.getKey()));
            shapes.put(each.getKey(), shape);
            made.field(each.getKey(), shape.schema());
        }
        Schema struct = made.build();
        return new JsonShape(struct, (value, path) -> {
            if (!value.isObject()) {
                throw JsonShape.unfit(value, path, "an object");
            }
            Struct found = new Struct(struct);
            for (Field each : struct.fields()) {
                found.put(each, shapes.get(each.name()).value(value.get(each.name()), path + "." + each.name()));
            }
            return found;
        });
    }

    private JsonShape map(JsonNode schema, Source source, boolean optional) {
        if (!schema.path("additionalProperties").isObject() || schema.path("additionalProperties").isEmpty()) {
            return text(optional);
        }
        JsonShape each = shape(schema.path("additionalProperties"), source, false);
        Schema made = named(SchemaBuilder.map(Schema.STRING_SCHEMA, each.schema()), schema, optional).build();
        return new JsonShape(made, (value, path) -> {
            if (!value.isObject()) {
                throw JsonShape.unfit(value, path, "an object");
            }
            Map<String, Object> found = new LinkedHashMap<>();
            value.properties().forEach(one -> found.put(one.getKey(), each.value(one.getValue(), path + "." + one.getKey())));
            return found;
        });
    }

    private JsonShape array(JsonNode schema, Source source, boolean optional) {
        if (!schema.path("items").isObject()) {
            return text(optional);
        }
        JsonShape each = shape(schema.path("items"), source, false);
        return new JsonShape(named(SchemaBuilder.array(each.schema()), schema, optional).build(), (value, path) -> {
            if (!value.isArray()) {
                throw JsonShape.unfit(value, path, "an array");
            }
            List<Object> found = new ArrayList<>();
            for (JsonNode one : value) {
                found.add(each.value(one, path + "[" + found.size() + "]"));
            }
            return found;
        });
    }

    private static JsonShape string(JsonNode schema, boolean optional) {
        if (schema.path("connect.type").asText().equals("bytes")) {
            return new JsonShape(named(SchemaBuilder.bytes(), schema, optional).build(), (value, path) -> {
                try {
                    return value.binaryValue();
                } catch (IOException error) {
                    throw new DataException(path + ": is not base64", error);
                }
            });
        }
        return new JsonShape(named(SchemaBuilder.string(), schema, optional).build(), (value, path) -> {
            if (!value.isTextual()) {
                throw JsonShape.unfit(value, path, "a string");
            }
            return value.textValue();
        });
    }

    private static JsonShape number(JsonNode schema, String type, boolean optional) {
        String title = schema.path("title").asText();
        if (title.equals(Decimal.LOGICAL_NAME)) {
            int scale = schema.path("connect.parameters").path("scale").asInt();
            SchemaBuilder made = Decimal.builder(scale);
            return JsonNumbers.decimal(scale, (optional ? made.optional() : made).build());
        }
        String known = schema.path("connect.type").asText(type.equals("integer") ? "int64" : "float64");
        if (!WHOLE.containsKey(known)) {
            SchemaBuilder made = known.equals("float32") ? SchemaBuilder.float32() : SchemaBuilder.float64();
            return JsonNumbers.real(named(made, schema, optional).build());
        }
        return JsonNumbers.whole(named(SchemaBuilder.type(WHOLE.get(known)), schema, optional).build());
    }

    /** Its text in JSON. */
    private static JsonShape text(boolean optional) {
        SchemaBuilder made = SchemaBuilder.string().name(TEXT);
        return new JsonShape((optional ? made.optional() : made).build(), (value, path) -> value.toString());
    }

    private static SchemaBuilder named(SchemaBuilder made, JsonNode schema, boolean optional) {
        if (schema.path("title").isTextual()) {
            made.name(schema.path("title").asText());
        }
        if (schema.path("connect.version").isInt()) {
            made.version(schema.path("connect.version").asInt());
        }
        schema.path("connect.parameters").properties().forEach(each -> made.parameter(each.getKey(), each.getValue().asText()));
        return optional ? made.optional() : made;
    }
}
