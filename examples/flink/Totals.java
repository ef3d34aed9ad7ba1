package com.example;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** The number of each customer's orders so far, one record for each order; arguments: --least AMOUNT leaves out smaller orders. */
public final class Totals {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Totals() {}

  public static void main(String[] args) throws Exception {
    double least = args.length == 2 && args[0].equals("--least") ? Double.parseDouble(args[1]) : 0;
    Properties consumer = options("KAFKA_CONSUMER_PROPERTIES");
    Properties producer = options("KAFKA_PRODUCER_PROPERTIES");
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();

    KafkaSource<String> source =
        KafkaSource.<String>builder()
            .setProperties(consumer)
            .setTopics(List.of(System.getenv("KAFKA_READ_TOPICS").split(",")))
            .setStartingOffsets(start())
            .setValueOnlyDeserializer(new SimpleStringSchema())
            .build();
    // Each step that keeps something has a uid: by it, a changed program finds its state again.
    DataStream<Tuple2<String, String>> totals =
        env.fromSource(source, WatermarkStrategy.noWatermarks(), "orders")
            .uid("orders")
            .map(JSON::readTree)
            .returns(JsonNode.class)
            .filter(order -> order.path("amount").asDouble() >= least)
            .keyBy(order -> order.path("customer").asText())
            .process(new Count())
            .uid("count");

    String topic = System.getenv("KAFKA_WRITE_TOPICS");
    totals
        .sinkTo(
            KafkaSink.<Tuple2<String, String>>builder()
                .setKafkaProducerConfig(producer)
                .setBootstrapServers(producer.getProperty("bootstrap.servers"))
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                // One sink has one prefix: another one needs another name after it.
                .setTransactionalIdPrefix(System.getenv("KAFKA_TRANSACTIONAL_ID_PREFIX") + topic)
                .setRecordSerializer((total, context, at) -> new ProducerRecord<>(topic, bytes(total.f0), bytes(total.f1)))
                .build())
        .uid("totals");
    env.execute("totals");
  }

  /** Where it begins without state, as the stack file's `start` says. */
  private static OffsetsInitializer start() {
    return switch (System.getenv("STREAM_START")) {
      case "latest" -> OffsetsInitializer.latest();
      case "committed" -> OffsetsInitializer.committedOffsets(OffsetResetStrategy.EARLIEST);
      default -> OffsetsInitializer.earliest();
    };
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Properties options(String variable) throws IOException {
    Properties found = new Properties();
    try (InputStream file = Files.newInputStream(Path.of(System.getenv(variable)))) {
      found.load(file);
    }
    return found;
  }

  private static final class Count extends KeyedProcessFunction<String, JsonNode, Tuple2<String, String>> {
    private transient ValueState<Long> orders;

    @Override
    public void open(OpenContext context) {
      orders = getRuntimeContext().getState(new ValueStateDescriptor<>("orders", Long.class));
    }

    @Override
    public void processElement(JsonNode order, Context context, Collector<Tuple2<String, String>> out)
        throws Exception {
      Long before = orders.value();
      long now = before == null ? 1 : before + 1;
      orders.update(now);
      String customer = context.getCurrentKey();
      out.collect(Tuple2.of(customer, JSON.createObjectNode().put("customer", customer).put("orders", now).toString()));
    }
  }
}
