package totals;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What a customer has ordered: how often, and for how much, in cents. */
record Total(long orders, long cents) {
    static final Total NONE = new Total(0, 0);

    Total plus(long amount) {
        return new Total(Math.addExact(orders, 1), Math.addExact(cents, amount));
    }

    String json() {
        return "{\"orders\": " + orders + ", \"cents\": " + cents + "}";
    }

    static Serde<Total> serde() {
        return Serdes.serdeFrom(
            (topic, total) -> total == null
                ? null
                : ByteBuffer.allocate(2 * Long.BYTES).putLong(total.orders).putLong(total.cents).array(),
            (topic, bytes) -> {
                if (bytes == null) {
                    return null;
                }
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                return new Total(buffer.getLong(), buffer.getLong());
            });
    }
}
