package kafkaplatform.converters;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;

/** Records in JSON with JSON Schema. */
public final class JsonSchemaConverter extends RegistryConverter {
    /** Exact numbers, as they are written. */
    static final ObjectMapper JSON = new ObjectMapper()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(com.fasterxml.jackson.core.JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

    @Override
    String type() {
        return "JSON";
    }

    @Override
    Reader reader(Registry.Found found) throws DataException {
        Map<String, JsonNode> others = new LinkedHashMap<>();
        found.references().forEach((name, text) -> others.put(name, parsed(text)));
        JsonShape shape = new JsonShapes(parsed(found.text()), others).shape();
        return content -> {
            JsonNode value = JSON.readTree(content.array(), content.position(), content.remaining());
            return new SchemaAndValue(shape.schema(), shape.value(value, "$"));
        };
    }

    @Override
    Writer writer(Schema schema) {
        String text = JsonTexts.schema(schema).toString();
        return new Writer() {
            @Override
            public String schema() {
                return text;
            }

            @Override
            public byte[] write(Object value) throws Exception {
                return JSON.writeValueAsBytes(JsonTexts.value(schema, value));
            }
        };
    }

    private static JsonNode parsed(String text) {
        try {
            return JSON.readTree(text);
        } catch (java.io.IOException error) {
            throw new DataException("it is not JSON: " + error.getMessage(), error);
        }
    }
}
