package conformance;

import static conformance.Failure.LIMIT;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Records written and read, without a group. */
record Records(String address) {

    Object produce(JsonNode request) throws Exception {
        boolean oneBatch = request.path("one_batch").asBoolean();
        Map<String, Object> settings = new HashMap<>();
        settings.put("acks", request.path("acks").asText("all"));
        settings.put("enable.idempotence", request.path("idempotent").asBoolean());
        settings.put("compression.type", request.path("compression").asText("none"));
        // What is to be one batch waits for the flush, and fits.
        settings.put("linger.ms", oneBatch ? 5_000 : 0);
        settings.put("batch.size", oneBatch ? 1_000_000 : 16_384);
        try (var producer = producer(settings)) {
            return sendAll(producer, request, oneBatch);
        }
    }

    Object transaction(JsonNode request) throws Exception {
        try (var producer = producer(Map.of("transactional.id", request.get("id").asText(), "linger.ms", 0))) {
            producer.initTransactions();
            producer.beginTransaction();
            List<Map<String, Object>> written;
            try {
                written = sendAll(producer, request, false);
            } catch (Exception error) {
                producer.abortTransaction();
                throw error;
            }
            if (request.get("end").asText().equals("commit")) {
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
            return written;
        }
    }

    Object read(JsonNode request) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", address,
            "auto.offset.reset", "none",
            "isolation.level", request.get("isolation").asText());
        int count = request.get("count").asInt();
        var place = Topics.partitionOf(request);
        List<Map<String, Object>> records = new ArrayList<>();
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            consumer.assign(List.of(place));
            consumer.seek(place, request.get("offset").asLong());
            long limit = System.nanoTime() + LIMIT.toNanos();
            while (records.size() < count) {
                if (System.nanoTime() > limit) {
                    throw Failure.timedOut(records.size() + " of " + count + " records were read");
                }
                consumer.poll(LIMIT.dividedBy(60)).forEach(record -> records.add(asJson(record)));
            }
        }
        return records.subList(0, count);
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(settings);
        all.put("bootstrap.servers", address);
        all.put("max.block.ms", LIMIT.toMillis());
        all.put("delivery.timeout.ms", (int) LIMIT.toMillis());
        all.put("request.timeout.ms", (int) LIMIT.toMillis() - 5_000);
        var bytes = new ByteArraySerializer();
        return new KafkaProducer<>(all, bytes, bytes);
    }

    /** Sends them all and then waits, or waits for each. */
    private static List<Map<String, Object>> sendAll(
            KafkaProducer<byte[], byte[]> producer, JsonNode request, boolean oneBatch) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : request.get("records")) {
            Future<RecordMetadata> one = producer.send(asRecord(Topics.topicOf(request), record));
            sent.add(one);
            if (!oneBatch) {
                one.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            }
        }
        producer.flush();
        List<Map<String, Object>> written = new ArrayList<>();
        for (Future<RecordMetadata> one : sent) {
            RecordMetadata metadata = one.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            written.add(Map.of("partition", metadata.partition(), "offset", metadata.offset()));
        }
        return written;
    }

    private static ProducerRecord<byte[], byte[]> asRecord(String topic, JsonNode record) {
        JsonNode partition = record.path("partition");
        JsonNode timestamp = record.path("timestamp");
        List<Header> headers = new ArrayList<>();
        for (JsonNode header : record.path("headers")) {
            headers.add(new RecordHeader(header.get(0).asText(), asBytes(header.get(1))));
        }
        return new ProducerRecord<>(
            topic,
            partition.isNumber() ? partition.asInt() : null,
            timestamp.isNumber() ? timestamp.asLong() : null,
            asBytes(record.path("key")),
            asBytes(record.path("value")),
            headers);
    }

    static Map<String, Object> asJson(ConsumerRecord<byte[], byte[]> record) {
        List<List<String>> headers = new ArrayList<>();
        for (Header header : record.headers()) {
            List<String> pair = new ArrayList<>();
            pair.add(header.key());
            pair.add(asText(header.value()));
            headers.add(pair);
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("partition", record.partition());
        json.put("offset", record.offset());
        json.put("key", asText(record.key()));
        json.put("value", asText(record.value()));
        json.put("headers", headers);
        json.put("timestamp", record.timestamp());
        return json;
    }

    private static byte[] asBytes(JsonNode text) {
        return text.isTextual() ? text.asText().getBytes(StandardCharsets.UTF_8) : null;
    }

    private static String asText(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }
}
