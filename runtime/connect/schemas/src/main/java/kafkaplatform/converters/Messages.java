package kafkaplatform.converters;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Date;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/** Messages of Protobuf of one type, as Kafka Connect knows them. */
final class Messages {
    private static final String TIMESTAMP = "google.protobuf.Timestamp";
    private static final int SECOND_MILLISECONDS = 1000;
    private static final int MILLISECOND_NANOSECONDS = 1_000_000;

    private final Descriptor descriptor;
    private final Schema schema;

    Messages(Descriptor descriptor) {
        this.descriptor = descriptor;
        this.schema = struct(descriptor, new ArrayDeque<>());
    }

    Descriptor descriptor() {
        return descriptor;
    }

    Schema schema() {
        return schema;
    }

    Object value(Message message) {
        return value(message, schema);
    }

    /** Every field is optional: a message may leave out any, and tables may then get columns that older rows do not have. */
    private static Schema struct(Descriptor message, Deque<String> outer) {
        if (message.getFullName().equals(TIMESTAMP)) {
            return Timestamp.builder().optional().build();
        }
        if (isWrapper(message)) {
            return scalar(message.findFieldByName("value")).optional().build();
        }
        if (outer.contains(message.getFullName())) {
            throw new DataException("message " + message.getFullName() + " contains itself, which no table can hold");
        }
        outer.push(message.getFullName());
        SchemaBuilder made = SchemaBuilder.struct().name(message.getFullName()).optional();
        for (FieldDescriptor each : message.getFields()) {
            made.field(each.getName(), field(each, outer));
        }
        outer.pop();
        return made.build();
    }

    private static Schema field(FieldDescriptor field, Deque<String> outer) {
        if (field.isMapField()) {
            List<FieldDescriptor> parts = field.getMessageType().getFields();
            return SchemaBuilder.map(field(parts.get(0), outer), field(parts.get(1), outer)).optional().build();
        }
        Schema one = field.getJavaType() == FieldDescriptor.JavaType.MESSAGE
                ? struct(field.getMessageType(), outer)
                : scalar(field).optional().build();
        return field.isRepeated() ? SchemaBuilder.array(one).optional().build() : one;
    }

    private static boolean isWrapper(Descriptor message) {
        return message.getFile().getFullName().equals("google/protobuf/wrappers.proto");
    }

    private static SchemaBuilder scalar(FieldDescriptor field) {
        switch (field.getType()) {
            case INT32:
            case SINT32:
            case SFIXED32:
                return SchemaBuilder.int32();
            case INT64:
            case SINT64:
            case SFIXED64:
            case UINT32:
            case FIXED32:
            case UINT64:
            case FIXED64:
                return SchemaBuilder.int64();
            case FLOAT:
                return SchemaBuilder.float32();
            case DOUBLE:
                return SchemaBuilder.float64();
            case BOOL:
                return SchemaBuilder.bool();
            case BYTES:
                return SchemaBuilder.bytes();
            default:
                return SchemaBuilder.string();
        }
    }

    private static Object value(Message message, Schema schema) {
        Descriptor type = message.getDescriptorForType();
        if (type.getFullName().equals(TIMESTAMP)) {
            long seconds = (Long) message.getField(type.findFieldByName("seconds"));
            int nanos = (Integer) message.getField(type.findFieldByName("nanos"));
            return new Date(Math.addExact(Math.multiplyExact(seconds, SECOND_MILLISECONDS), nanos / MILLISECOND_NANOSECONDS));
        }
        if (isWrapper(type)) {
            FieldDescriptor only = type.findFieldByName("value");
            return scalar(only, message.getField(only));
        }
        Struct made = new Struct(schema);
        for (Field each : schema.fields()) {
            FieldDescriptor field = type.findFieldByName(each.name());
            made.put(each, field.isRepeated() || !field.hasPresence() || message.hasField(field)
                    ? many(field, message.getField(field), each.schema())
                    : null);
        }
        return made;
    }

    private static Object many(FieldDescriptor field, Object given, Schema schema) {
        if (field.isMapField()) {
            Map<Object, Object> made = new LinkedHashMap<>();
            List<FieldDescriptor> parts = field.getMessageType().getFields();
            for (Object each : (List<?>) given) {
                Message entry = (Message) each;
                made.put(one(parts.get(0), entry.getField(parts.get(0)), schema.keySchema()),
                        one(parts.get(1), entry.getField(parts.get(1)), schema.valueSchema()));
            }
            return made;
        }
        if (field.isRepeated()) {
            List<Object> made = new ArrayList<>();
            for (Object each : (List<?>) given) {
                made.add(one(field, each, schema.valueSchema()));
            }
            return made;
        }
        return one(field, given, schema);
    }

    private static Object one(FieldDescriptor field, Object given, Schema schema) {
        return given instanceof Message ? value((Message) given, schema) : scalar(field, given);
    }

    private static Object scalar(FieldDescriptor field, Object given) {
        switch (field.getType()) {
            case UINT32:
            case FIXED32:
                return Integer.toUnsignedLong((Integer) given);
            case UINT64:
            case FIXED64:
                if ((Long) given < 0) {
                    throw new DataException(field.getName() + ": " + Long.toUnsignedString((Long) given) + " is more than 2^63 - 1");
                }
                return given;
            case BYTES:
                return ((ByteString) given).toByteArray();
            case ENUM:
                return ((EnumValueDescriptor) given).getName();
            default:
                return given;
        }
    }
}
