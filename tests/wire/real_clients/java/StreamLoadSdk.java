import com.starrocks.data.load.stream.StreamLoadDataFormat;
import com.starrocks.data.load.stream.StreamLoadSnapshot;
import com.starrocks.data.load.stream.properties.StreamLoadProperties;
import com.starrocks.data.load.stream.properties.StreamLoadTableProperties;
import com.starrocks.data.load.stream.v2.StreamLoadManagerV2;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The StarRocks stream load SDK: whole loads, and transactions that others decide. */
public final class StreamLoadSdk {
    private static final Map<String, StreamLoadManagerV2> MANAGERS = new HashMap<>();
    private static final Map<String, StreamLoadSnapshot> PREPARED = new HashMap<>();

    private StreamLoadSdk() {
    }

    public static void main(String[] arguments) throws Exception {
        Told.lineByLine(words -> switch (words.get(0)) {
            case "load" -> load(words);
            case "prepare" -> prepare(words);
            case "commit" -> decided(words.get(1), true);
            case "abort" -> decided(words.get(1), false);
            default -> throw new IllegalArgumentException(words.get(0));
        });
    }

    /** load ADDRESS USER PASSWORD HOW FORMAT DATABASE, and pairs of a table and a row. */
    private static String[] load(List<String> words) {
        StreamLoadManagerV2 manager = manager(words, true);
        try {
            written(manager, words);
            manager.flush();
        } finally {
            manager.close();
        }
        return null;
    }

    /** prepare, as load, leaves a prepared transaction of this name: its label. */
    private static String[] prepare(List<String> words) {
        StreamLoadManagerV2 manager = manager(words, false);
        written(manager, words);
        manager.flush();
        StreamLoadSnapshot snapshot = manager.snapshot();
        if (!manager.prepare(snapshot)) {
            throw new IllegalStateException("not prepared");
        }
        String label = snapshot.getTransactions().get(0).getLabel();
        MANAGERS.put(label, manager);
        PREPARED.put(label, snapshot);
        return new String[] {label};
    }

    private static String[] decided(String label, boolean isCommitted) {
        StreamLoadManagerV2 manager = MANAGERS.remove(label);
        StreamLoadSnapshot snapshot = PREPARED.remove(label);
        if (!(isCommitted ? manager.commit(snapshot) : manager.abort(snapshot))) {
            throw new IllegalStateException("not " + (isCommitted ? "committed" : "aborted"));
        }
        manager.close();
        return null;
    }

    private static void written(StreamLoadManagerV2 manager, List<String> words) {
        for (int index = 7; index < words.size(); index += 2) {
            manager.write(null, words.get(6), words.get(index), words.get(index + 1));
        }
    }

    private static StreamLoadManagerV2 manager(List<String> words, boolean isCommittedAtOnce) {
        boolean isJson = words.get(5).equals("json");
        StreamLoadTableProperties table = StreamLoadTableProperties.builder()
                .database(words.get(6))
                .table("any")
                .streamLoadDataFormat(isJson ? StreamLoadDataFormat.JSON : StreamLoadDataFormat.CSV)
                .chunkLimit(20_000) // a load of some rows is then of several requests
                .build();
        StreamLoadProperties.Builder properties = StreamLoadProperties.builder()
                .loadUrls(words.get(1))
                .username(words.get(2))
                .password(words.get(3))
                .defaultTableProperties(table)
                .labelPrefix("sdk-")
                .addHeaders(isJson
                        ? Map.of("format", "json", "strip_outer_array", "true")
                        : Map.of("format", "csv", "column_separator", ",", "row_delimiter", "\\n"));
        if (words.get(4).equals("transactions")) {
            properties.enableTransaction();
        }
        StreamLoadManagerV2 manager = new StreamLoadManagerV2(properties.build(), isCommittedAtOnce);
        manager.init();
        return manager;
    }
}
