package conformance;

import static conformance.Failure.LIMIT;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.consumer.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.TopicPartition;

/** Groups: their members by name, their offsets and states by the admin client. */
final class Groups implements AutoCloseable {
    private static final Map<String, Class<?>> ASSIGNORS = Map.of(
        "range", RangeAssignor.class,
        "roundrobin", RoundRobinAssignor.class,
        "cooperative-sticky", CooperativeStickyAssignor.class);

    private final String address;
    private final Admin admin;
    private final Map<String, Member> members = new HashMap<>();

    Groups(String address, Admin admin) {
        this.address = address;
        this.admin = admin;
    }

    Object join(JsonNode request) {
        int sessionTimeout = request.get("session_timeout").asInt();
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", address);
        settings.put("group.protocol", "classic");
        settings.put("group.id", request.get("group").asText());
        settings.put("session.timeout.ms", sessionTimeout);
        settings.put("heartbeat.interval.ms", sessionTimeout / 3);
        settings.put("max.poll.interval.ms", (int) LIMIT.toMillis());
        settings.put("partition.assignment.strategy", List.of(ASSIGNORS.get(request.get("assignor").asText())));
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        if (request.path("instance").isTextual()) {
            settings.put("group.instance.id", request.get("instance").asText());
        }
        List<String> topics = new ArrayList<>();
        request.get("topics").forEach(topic -> topics.add(topic.asText()));
        members.put(request.get("consumer").asText(), new Member(settings, topics));
        return null;
    }

    Object assignment(JsonNode request) throws Exception {
        return member(request).assignment(request.get("count").asInt());
    }

    Object receive(JsonNode request) throws Exception {
        return member(request).receive(request.get("count").asInt());
    }

    Object commit(JsonNode request) throws Exception {
        member(request).commit(offsetsOf(request));
        return null;
    }

    Object leave(JsonNode request) throws Exception {
        return close(request, GroupMembershipOperation.DEFAULT);
    }

    Object abandon(JsonNode request) throws Exception {
        return close(request, GroupMembershipOperation.REMAIN_IN_GROUP);
    }

    Object committed(JsonNode request) throws Exception {
        String group = groupOf(request);
        var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        var found = offsets.get(Topics.partitionOf(request));
        return Map.of("offset", found == null ? -1 : found.offset());
    }

    Object reset(JsonNode request) throws Exception {
        return admin.alterConsumerGroupOffsets(groupOf(request), offsetsOf(request)).all().get();
    }

    Object describe(JsonNode request) throws Exception {
        String group = groupOf(request);
        var found = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        return Map.of("state", found.groupState().toString(), "members", found.members().size());
    }

    Object names(JsonNode request) throws Exception {
        return admin.listGroups().all().get().stream().map(GroupListing::groupId).sorted().toList();
    }

    Object delete(JsonNode request) throws Exception {
        return admin.deleteConsumerGroups(List.of(groupOf(request))).all().get();
    }

    @Override
    public void close() {
        for (Member member : members.values()) {
            try {
                member.close(GroupMembershipOperation.DEFAULT);
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private Object close(JsonNode request, GroupMembershipOperation membership) throws Exception {
        member(request).close(membership);
        members.remove(request.get("consumer").asText());
        return null;
    }

    private Member member(JsonNode request) throws Failure {
        String name = request.get("consumer").asText();
        Member member = members.get(name);
        if (member == null) {
            throw new Failure("BAD_REQUEST", "no consumer " + name);
        }
        return member;
    }

    private static String groupOf(JsonNode request) {
        return request.get("group").asText();
    }

    private static Map<TopicPartition, OffsetAndMetadata> offsetsOf(JsonNode request) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (JsonNode one : request.get("offsets")) {
            offsets.put(Topics.partitionOf(one), new OffsetAndMetadata(one.get("offset").asLong()));
        }
        return offsets;
    }
}
