package kafkaplatform.converters;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Date;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/** Numbers of JSON, exactly, or refused. */
final class JsonNumbers {
    private static final long DAY_MILLISECONDS = 86_400_000;

    private JsonNumbers() {}

    static JsonShape decimal(int scale, Schema schema) {
        return new JsonShape(schema, (value, path) -> {
            if (value.isTextual()) { // as Confluent's converter writes them by default
                try {
                    return new BigDecimal(new BigInteger(value.binaryValue()), scale);
                } catch (java.io.IOException | NumberFormatException error) {
                    throw new DataException(path + ": is not a number", error);
                }
            }
            try {
                return numeric(value, path).decimalValue().setScale(scale, RoundingMode.UNNECESSARY);
            } catch (ArithmeticException error) {
                throw new DataException(path + ": has more than " + scale + " decimal places", error);
            }
        });
    }

    static JsonShape real(Schema schema) {
        boolean isShort = schema.type() == Schema.Type.FLOAT32;
        return new JsonShape(schema, (value, path) -> {
            double found = numeric(value, path).doubleValue();
            if (Double.isInfinite(found)) {
                throw new DataException(path + ": is too large");
            }
            return isShort ? (Object) (float) found : (Object) found;
        });
    }

    static JsonShape whole(Schema schema) {
        return new JsonShape(schema, (value, path) -> {
            long found = exact(numeric(value, path), path);
            if (Timestamp.LOGICAL_NAME.equals(schema.name()) || Time.LOGICAL_NAME.equals(schema.name())) {
                return new Date(found);
            }
            if (org.apache.kafka.connect.data.Date.LOGICAL_NAME.equals(schema.name())) {
                return new Date(Math.multiplyExact(found, DAY_MILLISECONDS));
            }
            return switch (schema.type()) {
                case INT8 -> (byte) within(found, Byte.MIN_VALUE, Byte.MAX_VALUE, path);
                case INT16 -> (short) within(found, Short.MIN_VALUE, Short.MAX_VALUE, path);
                case INT32 -> (int) within(found, Integer.MIN_VALUE, Integer.MAX_VALUE, path);
                default -> found;
            };
        });
    }

    private static long exact(JsonNode value, String path) {
        try {
            return value.decimalValue().longValueExact();
        } catch (ArithmeticException error) {
            throw new DataException(path + ": is not a whole number of 64 bits", error);
        }
    }

    private static JsonNode numeric(JsonNode value, String path) {
        if (!value.isNumber()) {
            throw JsonShape.unfit(value, path, "a number");
        }
        return value;
    }

    private static long within(long value, long least, long most, String path) {
        if (value < least || value > most) {
            throw new DataException(path + ": " + value + " is not between " + least + " and " + most);
        }
        return value;
    }
}
