import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Properties;

/** Prints the properties that are read from standard input, as `name:value` in hexadecimal. */
public class ReadProperties {
    public static void main(String[] arguments) throws Exception {
        Properties read = new Properties();
        read.load(System.in);
        for (String name : read.stringPropertyNames()) System.out.println(hex(name) + ":" + hex(read.getProperty(name)));
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
