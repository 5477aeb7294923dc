import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Does over JDBC what lines of standard input say: a connection's name, a command and its arguments, each in Base64,
 * separated by blanks. Answers lines of the same kind: names, row (class and value of each), update, ok or error.
 */
public final class JdbcTalk {
    private static final Map<String, Connection> OPEN = new HashMap<>();
    private static PrintStream out;

    private JdbcTalk() {
    }

    public static void main(String[] arguments) throws Exception {
        out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> words = new ArrayList<>();
            for (String word : line.split(" ")) {
                words.add(new String(Base64.getDecoder().decode(word.substring(1)), StandardCharsets.UTF_8));
            }
            try {
                obey(words.get(0), words.get(1), words.subList(2, words.size()));
                say("ok");
            } catch (SQLException error) {
                say("error", "" + error.getErrorCode(), error.getSQLState(), error.getMessage());
            } catch (Exception error) {
                say("error", "-1", null, error.toString());
            }
            out.flush();
        }
    }

    private static void obey(String name, String command, List<String> words) throws Exception {
        Connection connection = OPEN.get(name);
        switch (command) {
            case "open" -> OPEN.put(name, DriverManager.getConnection(words.get(0), words.get(1), words.get(2)));
            case "close" -> OPEN.remove(name).close();
            case "query" -> query(connection, words.get(0), Integer.parseInt(words.get(1)));
            case "prepared" -> prepared(connection, words);
            case "use" -> connection.setCatalog(words.get(0));
            case "valid" -> say("row", "String", "" + connection.isValid(10));
            case "transaction" -> transaction(connection);
            default -> look(connection.getMetaData(), command, words);
        }
    }

    private static void look(DatabaseMetaData data, String command, List<String> words) throws SQLException {
        ResultSet found = switch (command) {
            case "catalogs" -> data.getCatalogs();
            case "tables" -> data.getTables(words.get(0), null, "%", null);
            case "columns" -> data.getColumns(words.get(0), null, words.get(1), "%");
            case "keys" -> data.getPrimaryKeys(words.get(0), null, words.get(1));
            case "indexes" -> data.getIndexInfo(words.get(0), null, words.get(1), false, true);
            case "foreign" -> data.getImportedKeys(words.get(0), null, words.get(1));
            case "types" -> data.getTypeInfo();
            case "tabletypes" -> data.getTableTypes();
            case "procedures" -> data.getProcedures(words.get(0), null, "%");
            default -> throw new IllegalArgumentException(command);
        };
        try (found) {
            rows(found);
        }
    }

    private static void transaction(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        query(connection, "SELECT 1", 0);
        connection.commit();
        query(connection, "SELECT 2", 0);
        connection.rollback();
        connection.setReadOnly(true);
        connection.setReadOnly(false);
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        connection.setAutoCommit(true);
    }

    private static void query(Connection connection, String text, int fetchSize) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(fetchSize);
            boolean isTable = statement.execute(text);
            while (isTable || statement.getUpdateCount() != -1) {
                if (isTable) {
                    try (ResultSet rows = statement.getResultSet()) {
                        rows(rows);
                    }
                } else {
                    say("update", "" + statement.getUpdateCount());
                }
                isTable = statement.getMoreResults();
            }
        }
    }

    private static void prepared(Connection connection, List<String> words) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(words.get(0))) {
            for (int index = 1; index < words.size(); index++) {
                String word = words.get(index);
                if (word.startsWith("i")) {
                    statement.setLong(index, Long.parseLong(word.substring(1)));
                } else if (word.startsWith("n")) {
                    statement.setNull(index, java.sql.Types.VARCHAR);
                } else {
                    statement.setString(index, word.substring(1));
                }
            }
            try (ResultSet rows = statement.executeQuery()) {
                rows(rows);
            }
        }
    }

    private static void rows(ResultSet rows) throws SQLException {
        ResultSetMetaData data = rows.getMetaData();
        int columns = data.getColumnCount();
        String[] line = new String[columns + 1];
        line[0] = "names";
        for (int column = 1; column <= columns; column++) {
            line[column] = data.getColumnLabel(column);
        }
        say(line);
        while (rows.next()) {
            String[] values = new String[2 * columns + 1];
            values[0] = "row";
            for (int column = 1; column <= columns; column++) {
                Object value = rows.getObject(column);
                values[2 * column - 1] = value == null ? null : value.getClass().getSimpleName();
                values[2 * column] = value instanceof byte[] bytes
                        ? Base64.getEncoder().encodeToString(bytes) : value == null ? null : value.toString();
            }
            say(values);
        }
    }

    private static void say(String... words) {
        StringBuilder line = new StringBuilder();
        for (String word : words) {
            line.append(line.isEmpty() ? "" : " ");
            line.append(word == null ? "-"
                    : "+" + Base64.getEncoder().encodeToString(word.getBytes(StandardCharsets.UTF_8)));
        }
        out.println(line);
    }
}
