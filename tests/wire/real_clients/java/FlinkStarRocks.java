import com.starrocks.connector.flink.StarRocksSink;
import com.starrocks.connector.flink.table.sink.StarRocksSinkOptions;

/** Flink jobs into StarRocks: transactions that are prepared at a checkpoint and committed when it is complete. */
public final class FlinkStarRocks {
    private FlinkStarRocks() {
    }

    public static void main(String[] arguments) throws Exception {
        FlinkJobs.lineByLine((rows, target) -> rows.addSink(StarRocksSink.sink(StarRocksSinkOptions.builder()
                .withProperty("jdbc-url", "jdbc:mysql://" + target.mysql())
                .withProperty("load-url", target.http())
                .withProperty("database-name", target.database())
                .withProperty("table-name", target.table())
                .withProperty("username", target.user())
                .withProperty("password", target.password())
                .withProperty("sink.semantic", "exactly-once")
                .withProperty("sink.label-prefix", target.job())
                .withProperty("sink.properties.format", target.format())
                .withProperty(target.format().equals("json")
                        ? "sink.properties.strip_outer_array" : "sink.properties.ignored", "true")
                .withProperty("sink.properties.column_separator", ",")
                .build())));
    }
}
