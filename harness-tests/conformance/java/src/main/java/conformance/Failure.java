package conformance;

import java.time.Duration;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownServerException;
import org.apache.kafka.common.protocol.Errors;

/** An answer that is not from the broker, and the names of those that are. */
final class Failure extends Exception {
    /** The longest that anything may take. */
    static final Duration LIMIT = Duration.ofSeconds(30);

    private final String name;

    Failure(String name, String detail) {
        super(detail);
        this.name = name;
    }

    static Failure timedOut(String detail) {
        return new Failure("TIMED_OUT_WAITING", detail);
    }

    /** What went wrong, without the futures and the wrapping producer around it. */
    static Throwable unwrapped(Throwable error) {
        boolean isWrapper = error instanceof ExecutionException || error.getClass() == KafkaException.class;
        return isWrapper && error.getCause() != null ? unwrapped(error.getCause()) : error;
    }

    /** The name of Kafka's protocol error, or what stands for an error that the library made up itself. */
    static String nameOf(Throwable error) {
        if (error instanceof Failure failure) {
            return failure.name;
        }
        if (error instanceof CommitFailedException) {
            return "COMMIT_FAILED";
        }
        if (error instanceof OffsetOutOfRangeException) {
            return Errors.OFFSET_OUT_OF_RANGE.name();
        }
        if (error instanceof TimeoutException || error instanceof java.util.concurrent.TimeoutException) {
            return error.getCause() instanceof KafkaException cause ? nameOf(cause) : "TIMED_OUT_WAITING";
        }
        Errors known = Errors.forException(error);
        boolean isKnown = known != Errors.UNKNOWN_SERVER_ERROR || error instanceof UnknownServerException;
        return isKnown ? known.name() : "REFUSED_BY_CLIENT";
    }
}
