import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;

/**
 * A client around the JDBC driver of Postgres: one line in (`transaction ID` or `autocommit ID`), one row written, one
 * line out (`ok` or `error SQLSTATE`). A connection that broke is replaced for the next line.
 */
public final class Writer {
    private static final String INSERT = "insert into charges (id) values (?)";

    private final String url;
    private Connection connection;

    private Writer(String url) {
        this.url = url;
    }

    public static void main(String[] arguments) throws Exception {
        var writer = new Writer(arguments[0]);
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (var line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(writer.answer(line.split(" ")));
        }
    }

    private String answer(String[] request) {
        try {
            write(request[0].equals("transaction"), request[1]);
            return "ok";
        } catch (SQLException error) {
            return "error " + error.getSQLState();
        }
    }

    private void write(boolean inTransaction, String id) throws SQLException {
        if (connection == null || connection.isClosed()) {
            connection = DriverManager.getConnection(url);
        }
        connection.setAutoCommit(!inTransaction);
        try (var insert = connection.prepareStatement(INSERT)) {
            insert.setString(1, id);
            insert.executeUpdate();
            if (inTransaction) {
                connection.commit();
            }
        } catch (SQLException error) {
            if (inTransaction && !connection.isClosed()) {
                connection.rollback();
            }
            throw error;
        }
    }
}
