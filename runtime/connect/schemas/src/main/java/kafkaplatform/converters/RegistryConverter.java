package kafkaplatform.converters;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.storage.Converter;

/**
 * Reads and writes records as Confluent's clients do: a zero, four bytes with the number of a schema of the registry, and the content.
 *
 * <p>The subject of a topic's schemas is `topic-key` or `topic-value`.
 */
abstract class RegistryConverter implements Converter {
    private static final ConfigDef OPTIONS = new ConfigDef()
            .define("registry.url", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "URL of Confluent's API of the registry.")
            .define("registry.username", ConfigDef.Type.STRING, null, ConfigDef.Importance.HIGH, "User; none by default.")
            .define("registry.password", ConfigDef.Type.PASSWORD, null, ConfigDef.Importance.HIGH, "Password of the user.")
            .define("registry.authority", ConfigDef.Type.STRING, null, ConfigDef.Importance.MEDIUM,
                    "File with the authority of the registry's certificate (PEM); by default those that Java trusts.")
            .define("registry.registers", ConfigDef.Type.BOOLEAN, false, ConfigDef.Importance.MEDIUM,
                    "Whether schemas that are not there are registered.");
    private static final byte MAGIC = 0;
    private static final int HEADER = 5;
    /** Of those that are kept: a topic has few. */
    private static final int MOST_SCHEMAS = 1000;

    private final Map<Integer, Object> readers = bounded();
    private final Map<Schema, Object> writers = bounded();
    private Registry registry;
    private boolean registers;
    private String part;

    /** The type of its schemas in the registry. */
    abstract String type();

    /** What decodes the content of records with this schema. */
    abstract Reader reader(Registry.Found schema) throws Exception;

    /** What encodes records with this schema. */
    abstract Writer writer(Schema schema);

    /** Decodes the content of a record. */
    interface Reader {
        SchemaAndValue read(ByteBuffer content) throws Exception;
    }

    /** Encodes the content of a record. */
    interface Writer {
        /** The schema, as it is registered. */
        String schema();

        byte[] write(Object value) throws Exception;
    }

    private record Numbered(String subject, int number, Writer writer) {}

    @Override
    public ConfigDef config() {
        return OPTIONS;
    }

    @Override
    public void configure(Map<String, ?> options, boolean isKey) {
        AbstractConfig known = new AbstractConfig(OPTIONS, options, false);
        Password password = known.getPassword("registry.password");
        registry = new Registry(
                known.getString("registry.url"),
                known.getString("registry.username"),
                password == null ? "" : password.value(),
                known.getString("registry.authority"));
        registers = known.getBoolean("registry.registers");
        part = isKey ? "key" : "value";
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] record) {
        if (record == null) {
            return SchemaAndValue.NULL;
        }
        if (record.length < HEADER || record[0] != MAGIC) {
            throw new DataException("the " + part + " of a record of " + topic + " does not begin with the number of a schema");
        }
        ByteBuffer content = ByteBuffer.wrap(record, 1, record.length - 1);
        int number = content.getInt();
        Reader known = (Reader) readers.get(number);
        if (known == null) {
            Registry.Found found = registry.schema(number);
            if (!found.type().equals(type())) {
                throw new DataException("schema " + number + " of a record of " + topic + " is of the type " + found.type()
                        + ", and this connector reads " + type());
            }
            known = guarded(() -> reader(found), "schema " + number + " cannot be read");
            readers.put(number, known);
        }
        Reader reader = known;
        return guarded(() -> reader.read(content), "the " + part + " of a record of " + topic + " does not fit schema " + number);
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        if (value == null) {
            return null;
        }
        if (schema == null) {
            throw new DataException("a record of " + topic + " has no schema");
        }
        String subject = topic + "-" + part;
        Numbered known = (Numbered) writers.get(schema);
        if (known == null || !known.subject.equals(subject)) {
            Writer writer = guarded(() -> writer(schema), "a schema of " + topic + " cannot be written");
            known = new Numbered(subject, registry.number(subject, type(), writer.schema(), registers), writer);
            writers.put(schema, known);
        }
        Numbered numbered = known;
        byte[] content = guarded(() -> numbered.writer.write(value), "a record of " + topic + " cannot be written");
        ByteArrayOutputStream made = new ByteArrayOutputStream(HEADER + content.length);
        made.write(MAGIC);
        made.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(numbered.number).array());
        made.writeBytes(content);
        return made.toByteArray();
    }

    private interface Attempt<T> {
        T made() throws Exception;
    }

    /** What fails here is a fault of the record, which then goes to the dead letters. */
    private static <T> T guarded(Attempt<T> attempt, String what) {
        try {
            return attempt.made();
        } catch (Exception error) {
            throw new DataException(what + ": " + (error.getMessage() == null ? error : error.getMessage()), error);
        }
    }

    private static <K> Map<K, Object> bounded() {
        return new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1;

            @Override
            protected boolean removeEldestEntry(Map.Entry<K, Object> eldest) {
                return size() > MOST_SCHEMAS;
            }
        };
    }
}
