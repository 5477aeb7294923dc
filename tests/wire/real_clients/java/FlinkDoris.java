import java.util.Properties;
import org.apache.doris.flink.cfg.DorisExecutionOptions;
import org.apache.doris.flink.cfg.DorisOptions;
import org.apache.doris.flink.cfg.DorisReadOptions;
import org.apache.doris.flink.sink.DorisSink;
import org.apache.doris.flink.sink.writer.serializer.SimpleStringSerializer;

/** Flink jobs into Doris: loads in two phases, committed when their checkpoint is complete. */
public final class FlinkDoris {
    private FlinkDoris() {
    }

    public static void main(String[] arguments) throws Exception {
        FlinkJobs.lineByLine((rows, target) -> {
            Properties headers = new Properties();
            headers.setProperty("format", target.format());
            if (target.format().equals("json")) {
                headers.setProperty("read_json_by_line", "true");
            } else {
                headers.setProperty("column_separator", ",");
            }
            rows.sinkTo(DorisSink.<String>builder()
                    .setDorisReadOptions(DorisReadOptions.builder().build())
                    .setDorisOptions(DorisOptions.builder()
                            .setFenodes(target.http())
                            .setTableIdentifier(target.database() + "." + target.table())
                            .setUsername(target.user())
                            .setPassword(target.password())
                            .build())
                    .setDorisExecutionOptions(DorisExecutionOptions.builder()
                            .setLabelPrefix(target.job())
                            .setStreamLoadProp(headers)
                            .setMaxRetries(0)
                            .setDeletable(target.format().equals("json"))
                            .enable2PC()
                            .build())
                    .setSerializer(new SimpleStringSerializer())
                    .build());
        });
    }
}
