package conformance;

import static conformance.Failure.LIMIT;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A consumer in a group, which polls on a thread of its own so that heartbeats and rebalances go on. */
final class Member {
    private static final Comparator<TopicPartition> BY_NAME =
        Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition);
    private static final Comparator<ConsumerRecord<byte[], byte[]>> BY_PLACE =
        Comparator.<ConsumerRecord<byte[], byte[]>, String>comparing(ConsumerRecord::topic)
            .thenComparing(ConsumerRecord::partition)
            .thenComparing(ConsumerRecord::offset);

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Thread thread = new Thread(this::poll);
    // The library's consumer is for one thread: what others want of it is queued.
    private final BlockingQueue<FutureTask<Void>> wanted = new LinkedBlockingQueue<>();
    private volatile CloseOptions ending;
    // What follows is guarded by this.
    private List<TopicPartition> assigned = List.of();
    private final List<ConsumerRecord<byte[], byte[]>> delivered = new ArrayList<>();
    private RuntimeException failure;

    Member(Map<String, Object> settings, List<String> topics) {
        var bytes = new ByteArrayDeserializer();
        consumer = new KafkaConsumer<>(settings, bytes, bytes);
        consumer.subscribe(topics);
        thread.setDaemon(true);
        thread.start();
    }

    synchronized List<List<Object>> assignment(int count) throws Exception {
        await(() -> assigned.size() == count, () -> "assigned: " + assigned);
        return assigned.stream().map(place -> List.<Object>of(place.topic(), place.partition())).toList();
    }

    synchronized List<Map<String, Object>> receive(int count) throws Exception {
        await(() -> delivered.size() >= count, () -> delivered.size() + " were delivered");
        var next = delivered.subList(0, count);
        var received = next.stream().sorted(BY_PLACE).map(Records::asJson).toList();
        next.clear();
        return received;
    }

    void commit(Map<TopicPartition, OffsetAndMetadata> offsets) throws Exception {
        var task = new FutureTask<Void>(() -> consumer.commitSync(offsets, LIMIT), null);
        wanted.add(task);
        synchronized (this) {
            await(task::isDone, () -> "the offsets were not committed");
        }
        task.get();
    }

    void close(CloseOptions.GroupMembershipOperation membership) throws InterruptedException {
        ending = CloseOptions.timeout(LIMIT).withGroupMembershipOperation(membership);
        thread.join(LIMIT.toMillis());
    }

    private void await(BooleanSupplier condition, Supplier<String> state) throws Exception {
        long limit = System.nanoTime() + LIMIT.toNanos();
        while (!condition.getAsBoolean()) {
            long left = TimeUnit.NANOSECONDS.toMillis(limit - System.nanoTime());
            if (failure != null) {
                throw failure;
            }
            if (left <= 0) {
                throw Failure.timedOut(state.get());
            }
            wait(left);
        }
    }

    private void poll() {
        try {
            while (ending == null) {
                var records = consumer.poll(Duration.ofMillis(50));
                for (var task = wanted.poll(); task != null; task = wanted.poll()) {
                    task.run();
                }
                synchronized (this) {
                    assigned = consumer.assignment().stream().sorted(BY_NAME).toList();
                    records.forEach(delivered::add);
                    notifyAll();
                }
            }
        } catch (RuntimeException error) {
            synchronized (this) {
                failure = error;
                notifyAll();
            }
        } finally {
            consumer.close(ending == null ? CloseOptions.timeout(LIMIT) : ending);
        }
    }
}
