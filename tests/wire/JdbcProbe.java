import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** One JDBC session: what it learns goes to standard output, a line each; arguments are URL, user, password. */
public final class JdbcProbe {
    private JdbcProbe() {
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], arguments[2])) {
            System.out.println("version " + connection.getMetaData().getDatabaseProductVersion());
            select(connection);
            types(connection);
            prepared(connection);
            several(connection);
            System.out.println("valid " + connection.isValid(5));
            try (Statement statement = connection.createStatement()) {
                statement.executeQuery("SELECT wrong");
            } catch (SQLException error) {
                System.out.println("error " + error.getErrorCode() + " " + error.getSQLState());
            }
            connection.setCatalog("db");
            connection.setAutoCommit(false);
            connection.commit();
            System.out.println("catalog " + connection.getCatalog());
        } catch (SQLException error) {
            System.out.println("refused " + error.getErrorCode() + " " + error.getMessage());
        }
    }

    private static void select(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT 1")) {
            rows.next();
            System.out.println("one " + rows.getInt(1));
        }
    }

    private static void types(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT TYPES");
                ResultSet rows = statement.executeQuery()) {
            rows.next();
            for (int column : new int[] {1, 3, 5, 6, 8, 9, 10, 11, 13, 14}) {
                System.out.println(rows.getMetaData().getColumnLabel(column) + " " + rows.getString(column));
            }
            System.out.println("boolean is " + rows.getObject(1).getClass().getSimpleName());
            System.out.println("largeint is " + rows.getObject(6).getClass().getSimpleName());
            rows.next();
            System.out.println("null " + rows.getObject(5));
        }
    }

    private static void prepared(Connection connection) throws SQLException {
        String text = "SELECT ECHO ?, ?, ?, ?, ?, ?";
        try (PreparedStatement statement = connection.prepareStatement(text)) {
            for (int round = 0; round < 2; round++) {
                statement.setInt(1, -5 + round);
                statement.setString(2, "it's \\ ?");
                statement.setBigDecimal(3, new BigDecimal("12.50"));
                statement.setTimestamp(4, java.sql.Timestamp.valueOf("2024-02-29 01:02:03.5"));
                statement.setNull(5, java.sql.Types.VARCHAR);
                statement.setBoolean(6, true);
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    System.out.println("echo " + rows.getString(1));
                }
            }
        }
    }

    private static void several(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            boolean isTable = statement.execute("SELECT 1; INSERT; SELECT 3");
            StringBuilder found = new StringBuilder("several");
            while (isTable || statement.getUpdateCount() != -1) {
                if (isTable) {
                    ResultSet rows = statement.getResultSet();
                    rows.next();
                    found.append(' ').append(rows.getInt(1));
                } else {
                    found.append(" updated ").append(statement.getUpdateCount());
                }
                isTable = statement.getMoreResults();
            }
            System.out.println(found);
        }
    }
}
