package kafkaplatform.converters;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A schema registry with Confluent's API. It is asked once for each schema, so it needs no pool of connections. */
final class Registry {
    private static final int CONNECT_MILLISECONDS = 10_000;
    private static final int READ_MILLISECONDS = 30_000;
    /** Of an answer: schemas are kilobytes. */
    private static final int MOST_BYTES = 8 << 20;
    /** Schemas that refer to each other in a circle would end nowhere. */
    private static final int MOST_REFERENCES = 200;
    private static final Logger LOG = LoggerFactory.getLogger(Registry.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String url;
    private final String login;
    private final String authority;

    /** A schema of the registry: its type (AVRO, JSON, PROTOBUF), its text, and those that it refers to by their names, innermost first. */
    record Found(String type, String text, Map<String, String> references) {}

    /** The registry refuses the login. That is no fault of a record, so the task has to fail: only exceptions count as faults of records. */
    static final class LoginRefused extends Error {
        private static final long serialVersionUID = 1;

        LoginRefused(String message) {
            super(message);
        }
    }

    Registry(String url, String username, String password, String authority) {
        this.url = url.endsWith("/") ? url.substring(0, url.length() - 1) : url;
        this.login = username == null
                ? null
                : "Basic " + Base64.getEncoder().encodeToString((username + ":" + password).getBytes(StandardCharsets.UTF_8));
        this.authority = authority;
    }

    /** The schema with this number. */
    Found schema(int number) {
        JsonNode told = ask("GET", "/schemas/ids/" + number, null, "schema " + number);
        Map<String, String> references = new LinkedHashMap<>();
        collect(told, references, 0);
        return new Found(told.path("schemaType").asText("AVRO"), told.path("schema").asText(), references);
    }

    /** The number of a schema under this subject; it is registered if it is not there and `registers` says so. */
    int number(String subject, String type, String text, boolean registers) {
        ObjectNode body = JSON.createObjectNode().put("schema", text).put("schemaType", type);
        String path = "/subjects/" + encoded(subject) + (registers ? "/versions" : "");
        return ask("POST", path, body, "the schema of " + subject).path("id").asInt();
    }

    private void collect(JsonNode told, Map<String, String> found, int depth) {
        for (JsonNode each : told.path("references")) {
            String name = each.path("name").asText();
            if (found.containsKey(name)) {
                continue;
            }
            if (depth + found.size() > MOST_REFERENCES) {
                throw new DataException("the schema refers to more than " + MOST_REFERENCES + " others");
            }
            String subject = each.path("subject").asText();
            JsonNode other = ask(
                    "GET", "/subjects/" + encoded(subject) + "/versions/" + each.path("version").asInt(), null, subject);
            collect(other, found, depth + 1);
            found.put(name, other.path("schema").asText());
        }
    }

    private JsonNode ask(String method, String path, JsonNode body, String what) {
        try {
            HttpURLConnection asked = opened(method, path, body);
            int status = asked.getResponseCode();
            JsonNode told = content(status < 400 ? asked.getInputStream() : asked.getErrorStream());
            if (status == 200 && told != null && told.isObject()) {
                return told;
            }
            String reason = "the schema registry answered " + status + " for " + what
                    + (told == null || told.path("message").asText().isEmpty() ? "" : ": " + told.path("message").asText());
            if (status == 401 || status == 403) {
                throw new LoginRefused(reason);
            }
            if (status == 408 || status == 429 || status >= 500) {
                throw away(reason, null);
            }
            throw new DataException(reason);
        } catch (IOException error) {
            throw away("the schema registry is not reached for " + what + ": " + error, error);
        } catch (GeneralSecurityException error) {
            throw new ConnectException("the authority of the schema registry cannot be read: " + error.getMessage(), error);
        }
    }

    /** Records of sinks wait until it answers, so the log has to say that they do. */
    private static RetriableException away(String reason, Throwable cause) {
        LOG.warn(reason);
        return new RetriableException(reason, cause);
    }

    private HttpURLConnection opened(String method, String path, JsonNode body) throws IOException, GeneralSecurityException {
        HttpURLConnection asked = (HttpURLConnection) URI.create(url + path).toURL().openConnection();
        if (authority != null && asked instanceof HttpsURLConnection) {
            ((HttpsURLConnection) asked).setSSLSocketFactory(trusting().getSocketFactory());
        }
        asked.setConnectTimeout(CONNECT_MILLISECONDS);
        asked.setReadTimeout(READ_MILLISECONDS);
        // The login is for this server alone.
        asked.setInstanceFollowRedirects(false);
        asked.setRequestMethod(method);
        asked.setRequestProperty("Accept", "application/vnd.schemaregistry.v1+json, application/json");
        if (login != null) {
            asked.setRequestProperty("Authorization", login);
        }
        if (body != null) {
            asked.setDoOutput(true);
            asked.setRequestProperty("Content-Type", "application/vnd.schemaregistry.v1+json");
            asked.getOutputStream().write(JSON.writeValueAsBytes(body));
        }
        return asked;
    }

    /** It is read for each question, of which there are few: so a renewed authority needs no restart. */
    private SSLContext trusting() throws IOException, GeneralSecurityException {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        byte[] file = Files.readAllBytes(Path.of(authority));
        for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(file))) {
            trusted.setCertificateEntry("authority-" + trusted.size(), each);
        }
        if (trusted.size() == 0) {
            throw new GeneralSecurityException(authority + " has no certificate");
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    /** What was answered; null if it is not JSON. */
    private static JsonNode content(InputStream answer) throws IOException {
        if (answer == null) {
            return null;
        }
        try (answer) {
            byte[] bytes = answer.readNBytes(MOST_BYTES);
            try {
                return JSON.readTree(bytes);
            } catch (IOException notJson) {
                return null;
            }
        }
    }

    private static String encoded(String part) {
        return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
