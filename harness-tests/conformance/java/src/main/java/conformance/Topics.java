package conformance;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Topics and their offsets, by the admin client, which bounds its own waits. */
record Topics(Admin admin) {

    Object create(JsonNode request) throws Exception {
        var topic = new NewTopic(topicOf(request), request.get("partitions").asInt(), (short) 1);
        return admin.createTopics(List.of(topic)).all().get();
    }

    Object delete(JsonNode request) throws Exception {
        return admin.deleteTopics(List.of(topicOf(request))).all().get();
    }

    Object createPartitions(JsonNode request) throws Exception {
        var partitions = NewPartitions.increaseTo(request.get("partitions").asInt());
        return admin.createPartitions(Map.of(topicOf(request), partitions)).all().get();
    }

    Object deleteRecords(JsonNode request) throws Exception {
        var before = RecordsToDelete.beforeOffset(request.get("before").asLong());
        return admin.deleteRecords(Map.of(partitionOf(request), before)).all().get();
    }

    Object describe(JsonNode request) throws Exception {
        String topic = topicOf(request);
        var found = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        return Map.of("partitions", found.partitions().size());
    }

    Object describeConfig(JsonNode request) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topicOf(request));
        ConfigEntry entry =
            admin.describeConfigs(List.of(resource)).all().get().get(resource).get(request.get("name").asText());
        return Collections.singletonMap("value", entry == null ? null : entry.value());
    }

    Object listOffsets(JsonNode request) throws Exception {
        JsonNode at = request.get("at");
        OffsetSpec spec = switch (at.asText()) {
            case "earliest" -> OffsetSpec.earliest();
            case "latest" -> OffsetSpec.latest();
            default -> OffsetSpec.forTimestamp(at.asLong());
        };
        TopicPartition partition = partitionOf(request);
        return Map.of("offset", admin.listOffsets(Map.of(partition, spec)).all().get().get(partition).offset());
    }

    static String topicOf(JsonNode request) {
        return request.get("topic").asText();
    }

    static TopicPartition partitionOf(JsonNode request) {
        return new TopicPartition(topicOf(request), request.get("partition").asInt());
    }
}
