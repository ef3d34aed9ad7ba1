import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.storage.internals.log.LogConfig;

/** Prints Kafka's topic settings, one a line: name, type, validator and default, with tabs between them. */
public class TopicSettings {
    public static void main(String[] arguments) {
        new TreeMap<>(LogConfig.configDefCopy().configKeys()).forEach((name, key) -> {
            if (!key.internalConfig) {
                System.out.printf("%s\t%s\t%s\t%s%n", name, key.type, key.validator,
                    ConfigDef.convertToString(key.defaultValue, key.type));
            }
        });
    }
}
