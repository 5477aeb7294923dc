import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Flink jobs in this process, with checkpoints, each into one table by a vendor's sink. */
final class FlinkJobs {
    /** A vendor's sink of rows that are text, exactly once. */
    interface Sink {
        void addedTo(DataStream<String> rows, Target target) throws Exception;
    }

    /** Where a job loads to. */
    record Target(String http, String mysql, String user, String password, String format, String database,
            String table, String job) {
    }

    private static final AtomicBoolean FAILS = new AtomicBoolean();
    private static final AtomicBoolean FAILED = new AtomicBoolean();
    private static int number;

    private FlinkJobs() {
    }

    static void lineByLine(Sink sink) throws Exception {
        Told.lineByLine(words -> switch (words.get(0)) {
            case "load" -> load(sink, words);
            case "fail" -> fail(sink, words);
            default -> throw new IllegalArgumentException(words.get(0));
        });
    }

    /** load HTTP MYSQL USER PASSWORD FORMAT DATABASE TABLE ROW... */
    private static String[] load(Sink sink, List<String> words) throws Exception {
        StreamExecutionEnvironment environment = environment(1, 0);
        sink.addedTo(environment.fromData(words.subList(8, words.size())), target(words));
        environment.execute();
        return null;
    }

    /** fail HTTP MYSQL USER PASSWORD FORMAT DATABASE TABLE ROWS RATE: it fails between checkpoints, and goes on. */
    private static String[] fail(Sink sink, List<String> words) throws Exception {
        FAILS.set(false);
        FAILED.set(false);
        boolean isJson = words.get(5).equals("json");
        GeneratorFunction<Long, String> row = number -> isJson
                ? "{\"id\": " + number + ", \"name\": \"row " + number + "\"}" : number + ",row " + number;
        long rows = Long.parseLong(words.get(8));
        RateLimiterStrategy rate = RateLimiterStrategy.perSecond(Integer.parseInt(words.get(9)));
        StreamExecutionEnvironment environment = environment(2, Integer.MAX_VALUE);
        DataStream<String> stream = environment
                .fromSource(new DataGeneratorSource<>(row, rows, rate, Types.STRING),
                        WatermarkStrategy.noWatermarks(), "numbers")
                .map(new FailsOnce());
        sink.addedTo(stream, target(words));
        environment.execute();
        return new String[] {FAILED.get() ? "failed once" : "never failed"};
    }

    private static Target target(List<String> words) {
        number++;
        return new Target(words.get(1), words.get(2), words.get(3), words.get(4), words.get(5), words.get(6),
                words.get(7), "flink-" + words.get(7) + "-" + number);
    }

    private static StreamExecutionEnvironment environment(int parallelism, int attempts) {
        Configuration settings = new Configuration();
        settings.setString("restart-strategy.type", attempts == 0 ? "none" : "fixed-delay");
        settings.setString("restart-strategy.fixed-delay.attempts", "" + attempts);
        settings.setString("restart-strategy.fixed-delay.delay", "100 ms");
        settings.setString("taskmanager.memory.network.min", "16m");
        settings.setString("taskmanager.memory.network.max", "16m");
        settings.setString("taskmanager.memory.managed.size", "16m");
        settings.setString("execution.checkpointing.interval", "300 ms");
        return StreamExecutionEnvironment.createLocalEnvironment(parallelism, settings);
    }

    private static final class FailsOnce extends RichMapFunction<String, String> implements CheckpointListener {
        @Override
        public String map(String row) {
            if (FAILS.get() && FAILED.compareAndSet(false, true)) {
                throw new IllegalStateException("fails on purpose");
            }
            return row;
        }

        @Override
        public void notifyCheckpointComplete(long checkpoint) {
            if (checkpoint >= 2) {
                FAILS.set(true);
            }
        }
    }
}
