package conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;

/** A conformance client around kafka-clients: one request per line in, one answer per line out. See PROTOCOL.md. */
public final class Client {
    private final ObjectMapper json = new ObjectMapper();
    private final Map<String, Request> requests = new HashMap<>();

    /** What a request does, and what it answers: anything that is JSON, or null. */
    private interface Request {
        Object carryOut(JsonNode request) throws Exception;
    }

    private Client(Topics topics, Records records, Groups groups) {
        requests.put("create_topic", topics::create);
        requests.put("delete_topic", topics::delete);
        requests.put("create_partitions", topics::createPartitions);
        requests.put("delete_records", topics::deleteRecords);
        requests.put("describe_topic", topics::describe);
        requests.put("describe_config", topics::describeConfig);
        requests.put("list_offsets", topics::listOffsets);
        requests.put("produce", records::produce);
        requests.put("transaction", records::transaction);
        requests.put("read", records::read);
        requests.put("join", groups::join);
        requests.put("assignment", groups::assignment);
        requests.put("receive", groups::receive);
        requests.put("commit", groups::commit);
        requests.put("leave", groups::leave);
        requests.put("abandon", groups::abandon);
        requests.put("committed", groups::committed);
        requests.put("reset", groups::reset);
        requests.put("describe_group", groups::describe);
        requests.put("list_groups", groups::names);
        requests.put("delete_group", groups::delete);
    }

    public static void main(String[] arguments) throws IOException {
        String address = arguments[0];
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", address,
            "default.api.timeout.ms", (int) Failure.LIMIT.toMillis(),
            "request.timeout.ms", (int) Failure.LIMIT.toMillis());
        try (Admin admin = Admin.create(settings); Groups groups = new Groups(address, admin)) {
            var client = new Client(new Topics(admin), new Records(address), groups);
            client.answerAll();
        }
    }

    private void answerAll() throws IOException {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            answers.println(json.writeValueAsString(answer(json.readTree(line))));
        }
    }

    private Map<String, Object> answer(JsonNode line) {
        Map<String, Object> answer = new LinkedHashMap<>();
        Request request = requests.get(line.path("do").asText());
        if (request == null) {
            answer.put("error", "BAD_REQUEST");
            return answer;
        }
        try {
            answer.put("ok", request.carryOut(line));
        } catch (Exception error) {
            Throwable cause = Failure.unwrapped(error);
            if (!(cause instanceof Failure) && !(cause instanceof KafkaException)) {
                throw new IllegalStateException(line.toString(), error);
            }
            answer.put("error", Failure.nameOf(cause));
            answer.put("detail", String.valueOf(cause.getMessage()));
        }
        return answer;
    }
}
