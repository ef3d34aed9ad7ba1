package totals;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyQueryMetadata;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.errors.InvalidStateStoreException;
import org.apache.kafka.streams.state.HostInfo;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers by HTTP: {@code /totals/<customer>} from this pod's state, or from the pod that has it, and {@code /ready}.
 *
 * <p>While the pod that works on a customer is gone, a standby answers, perhaps with a total from before the last orders.
 */
final class Queries implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Queries.class);
    private static final String PATH = "/totals/";
    private static final String PASSED_ON = "X-Passed-On";
    private static final int THREADS = 16;
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    /** Records behind which a standby counts as caught up: Kafka Streams' own acceptable.recovery.lag. */
    private static final long CAUGHT_UP = 10_000;

    private record Answer(int status, String body) {
        static final Answer LATER = new Answer(503, "{\"message\": \"nobody has this customer's state yet: try again\"}");
    }

    private final KafkaStreams streams;
    private final HostInfo self;
    private final HttpServer server;
    private final HttpClient client = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
    private volatile boolean caughtUp;

    Queries(KafkaStreams streams, HostInfo self) throws IOException {
        this.streams = streams;
        this.self = self;
        server = HttpServer.create(new InetSocketAddress(self.port()), 0);
        server.setExecutor(Executors.newFixedThreadPool(THREADS));
        server.createContext(PATH, exchange -> answer(exchange, total(exchange)));
        server.createContext("/ready", exchange -> answer(exchange, ready()));
        server.start();
    }

    @Override
    public void close() {
        server.stop(1);
    }

    /** Ready once all state of this pod has been restored, standbys included; a later rebalance does not change that. */
    private Answer ready() {
        KafkaStreams.State state = streams.state();
        if (!caughtUp && state == KafkaStreams.State.RUNNING) {
            caughtUp = streams.allLocalStorePartitionLags().values().stream()
                .flatMap(partitions -> partitions.values().stream())
                .allMatch(lag -> lag.offsetLag() <= CAUGHT_UP);
        }
        boolean works = state == KafkaStreams.State.RUNNING || state == KafkaStreams.State.REBALANCING;
        return new Answer(caughtUp && works ? 200 : 503, "{\"state\": \"" + state + "\", \"caughtUp\": " + caughtUp + "}");
    }

    private Answer total(HttpExchange exchange) {
        String customer = exchange.getRequestURI().getPath().substring(PATH.length());
        if (!exchange.getRequestMethod().equals("GET") || customer.isEmpty()) {
            return new Answer(404, "{\"message\": \"write GET " + PATH + "<customer>\"}");
        }
        if (exchange.getRequestHeaders().containsKey(PASSED_ON)) {
            return own(customer);
        }
        KeyQueryMetadata where = streams.queryMetadataForKey(Totals.STORE, customer, new StringSerializer());
        if (where == null || where.equals(KeyQueryMetadata.NOT_AVAILABLE)) {
            return Answer.LATER;
        }
        List<HostInfo> pods = new ArrayList<>(List.of(where.activeHost()));
        pods.addAll(where.standbyHosts());
        for (HostInfo pod : pods) {
            Answer found = pod.equals(self) ? own(customer) : ask(pod, customer);
            if (found.status != 503) {
                return found;
            }
        }
        return Answer.LATER;
    }

    private Answer own(String customer) {
        try {
            var store = streams.store(
                StoreQueryParameters.fromNameAndType(Totals.STORE, QueryableStoreTypes.<String, Total>keyValueStore())
                    .enableStaleStores());
            Total total = store.get(customer);
            return total == null
                ? new Answer(404, "{\"message\": \"no orders of this customer\"}")
                : new Answer(200, total.json());
        } catch (InvalidStateStoreException moved) {
            return Answer.LATER;
        }
    }

    private Answer ask(HostInfo pod, String customer) {
        String path = PATH + URLEncoder.encode(customer, StandardCharsets.UTF_8).replace("+", "%20");
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + pod.host() + ":" + pod.port() + path))
            .header(PASSED_ON, "1").timeout(PATIENCE).build();
        try {
            HttpResponse<String> found = client.send(request, HttpResponse.BodyHandlers.ofString());
            return new Answer(found.statusCode(), found.body());
        } catch (IOException gone) {
            LOG.info("{} does not answer: {}", pod.host(), gone.toString());
            return Answer.LATER;
        } catch (InterruptedException ends) {
            Thread.currentThread().interrupt();
            return Answer.LATER;
        }
    }

    private static void answer(HttpExchange exchange, Answer answer) throws IOException {
        byte[] body = (answer.body + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(answer.status, body.length);
        try (var out = exchange.getResponseBody()) {
            out.write(body);
        }
    }
}
