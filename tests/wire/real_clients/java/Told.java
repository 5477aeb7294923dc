import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Does what lines on standard input say, and answers each: a word is "+" and Base64, an answer ends in ok or error. */
final class Told {
    /** What a line asks for; answers by returning one line, null for none. */
    interface Work {
        String[] done(List<String> words) throws Exception;
    }

    private static PrintStream out;

    private Told() {
    }

    static void lineByLine(Work work) throws IOException {
        out = System.out;
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> words = new ArrayList<>();
            for (String word : line.split(" ")) {
                words.add(new String(Base64.getDecoder().decode(word.substring(1)), StandardCharsets.UTF_8));
            }
            try {
                String[] told = work.done(words);
                if (told != null) {
                    say(told);
                }
                say("ok");
            } catch (Exception error) {
                say("error", "0", null, causes(error));
            }
            out.flush();
        }
        System.exit(0);
    }

    private static String causes(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable each = error; each != null; each = each.getCause()) {
            text.append(text.isEmpty() ? "" : "; ").append(each.getMessage());
        }
        return text.toString();
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
