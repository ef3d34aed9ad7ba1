import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;

/** Prints the options of the login in the client's properties on standard input, as Kafka reads it: `name:value` in hexadecimal. */
public class ReadJaas {
    public static void main(String[] arguments) throws Exception {
        Properties read = new Properties();
        read.load(System.in);
        Password login = new Password(read.getProperty("sasl.jaas.config"));
        JaasContext context = JaasContext.loadClientContext(Map.of("sasl.jaas.config", login));
        context.configurationEntries().forEach(entry -> entry.getOptions().forEach(
            (name, value) -> System.out.println(hex(name) + ":" + hex(value.toString()))));
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
