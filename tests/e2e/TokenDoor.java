import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.security.auth.callback.Callback;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/** Lets in who brings a signed URL of MSK, writes it down for the test to check, and refuses everybody else. */
public class TokenDoor implements AuthenticateCallbackHandler {
    private Path seen;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        seen = Path.of((String) entries.get(0).getOptions().get("seen"));
    }

    @Override
    public void handle(Callback[] callbacks) throws java.io.IOException {
        for (Callback each : callbacks) {
            if (!(each instanceof OAuthBearerValidatorCallback callback)) {
                continue;
            }
            String token = callback.tokenValue();
            String url = new String(Base64.getUrlDecoder().decode(token));
            if (!url.startsWith("https://kafka.eu-central-1.amazonaws.com/?") || !url.contains("AKIDEXAMPLE")) {
                callback.error("invalid_token", null, null);
                continue;
            }
            Files.writeString(seen, token);
            callback.token(new OAuthBearerToken() {
                @Override public String value() { return token; }
                @Override public Set<String> scope() { return Set.of(); }
                @Override public long lifetimeMs() { return System.currentTimeMillis() + 900_000; }
                @Override public String principalName() { return "msk"; }
                @Override public Long startTimeMs() { return null; }
            });
        }
    }

    @Override
    public void close() {}
}
