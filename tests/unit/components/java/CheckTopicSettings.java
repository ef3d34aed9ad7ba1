import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.storage.internals.log.LogConfig;

/** Reads settings of topics, name and value with a tab between them, and prints for each line whether Kafka takes it. */
public class CheckTopicSettings {
    public static void main(String[] arguments) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split("\t", 2);
            try {
                LogConfig.validate(Map.of(parts[0], parts[1]));
                System.out.println("taken");
            } catch (ApiException | ConfigException refused) {
                System.out.println("refused");
            }
        }
    }
}
