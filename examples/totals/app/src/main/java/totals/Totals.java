package totals;

import java.util.List;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Adds up the orders of each customer: the key of an order is the customer, its value the amount in cents. */
final class Totals {
    /** The store; its changelog topic is called application.id, then this name, then "changelog". */
    static final String STORE = "totals";

    private static final Logger LOG = LoggerFactory.getLogger(Totals.class);

    private Totals() {}

    static Topology topology(List<String> orders, String totals) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(orders, Consumed.with(Serdes.String(), Serdes.String()).withName("orders"))
            .flatMapValues(Totals::cents, Named.as("cents"))
            .groupByKey(Grouped.with("by-customer", Serdes.String(), Serdes.Long()))
            .aggregate(
                () -> Total.NONE,
                (customer, cents, total) -> total.plus(cents),
                Named.as("add-up"),
                Materialized.<String, Total, KeyValueStore<Bytes, byte[]>>as(STORE)
                    .withKeySerde(Serdes.String())
                    .withValueSerde(Total.serde()))
            .toStream(Named.as("changes"))
            .mapValues(Total::json, Named.as("json"))
            .to(totals, Produced.with(Serdes.String(), Serdes.String()).withName("totals-out"));
        return builder.build();
    }

    /** The amount; none if the value is no number. An application that stops at a bad record stops for good. */
    private static List<Long> cents(String value) {
        try {
            return List.of(Long.parseLong(value.strip()));
        } catch (NumberFormatException | NullPointerException notANumber) {
            LOG.warn("left out an order without an amount");
            return List.of();
        }
    }
}
