package totals;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.HostInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs the application with the options that the platform provides in KAFKA_STREAMS_PROPERTIES. */
public final class Main {
    private static final Logger LOG = LoggerFactory.getLogger(Main.class);
    /** Less than the pod's termination period. */
    private static final Duration CLOSING = Duration.ofSeconds(40);

    private Main() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Properties options = new Properties();
        try (Reader file = Files.newBufferedReader(Path.of(System.getenv("KAFKA_STREAMS_PROPERTIES")))) {
            options.load(file);
        }
        StreamsConfig config = new StreamsConfig(options);
        List<String> orders = List.of(System.getenv("KAFKA_READ_TOPICS").split(","));
        String totals = System.getenv("KAFKA_WRITE_TOPICS");

        CountDownLatch ended = new CountDownLatch(1);
        KafkaStreams streams = new KafkaStreams(Totals.topology(orders, totals), config);
        streams.setStateListener((now, before) -> {
            LOG.info("{} -> {}", before, now);
            if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) {
                ended.countDown();
            }
        });
        streams.setUncaughtExceptionHandler(error -> {
            LOG.error("a stream thread ended", error);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        HostInfo self = HostInfo.buildFromEndpoint(config.getString(StreamsConfig.APPLICATION_SERVER_CONFIG));
        Queries queries = new Queries(streams, self);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            queries.close();
            streams.close(CLOSING);
        }));
        streams.start();
        ended.await();
        System.exit(1);
    }
}
