package kafkaplatform.converters;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.squareup.wire.schema.internal.parser.MessageElement;
import com.squareup.wire.schema.internal.parser.ProtoParser;
import com.squareup.wire.schema.internal.parser.TypeElement;
import io.apicurio.registry.utils.protobuf.schema.FileDescriptorUtils;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;

/**
 * Records in Protobuf. It reads only: the fields of a message have numbers that have to stay as they are, and the columns of a table have
 * none.
 */
public final class ProtobufConverter extends RegistryConverter {
    /** Of the path to a message within others, in each record. */
    private static final int DEEPEST = 50;
    private static final String FILE = "schema.proto";
    private static final Pattern PACKAGE = Pattern.compile("(?:^|;)\\s*package\\s+([\\w.]+)\\s*;", Pattern.MULTILINE);
    private static final Pattern IMPORT = Pattern.compile("(\\bimport\\s+(?:public\\s+|weak\\s+)?)[\"']([^\"']+)[\"']");

    @Override
    String type() {
        return "PROTOBUF";
    }

    @Override
    Reader reader(Registry.Found found) throws Exception {
        FileDescriptor file = parsed(found);
        // Records count messages in the order of the text, which the descriptor does not keep.
        List<TypeElement> types = ProtoParser.Companion.parse(FileDescriptorUtils.DEFAULT_LOCATION, found.text()).getTypes();
        Map<List<Integer>, Messages> known = new java.util.HashMap<>();
        return content -> {
            List<Integer> path = path(content);
            Messages messages = known.get(path);
            if (messages == null) {
                messages = new Messages(descriptor(file, types, path));
                known.put(path, messages);
            }
            DynamicMessage message = DynamicMessage.parseFrom(
                    messages.descriptor(), com.google.protobuf.ByteString.copyFrom(content));
            return new SchemaAndValue(messages.schema(), messages.value(message));
        };
    }

    @Override
    Writer writer(Schema schema) {
        throw new DataException("this converter writes no Protobuf: write Avro or JSON Schema");
    }

    /** The file, with those that it imports, innermost first. The compiler wants each in the folder of its package, so they are moved there. */
    private static FileDescriptor parsed(Registry.Found found) throws Exception {
        Map<String, String> places = new LinkedHashMap<>();
        found.references().forEach((name, text) -> places.put(name, place(text, "file" + places.size() + ".proto")));
        Map<String, String> texts = new LinkedHashMap<>();
        found.references().forEach((name, text) -> texts.put(places.get(name), moved(text, places)));
        Map<String, FileDescriptor> known = new LinkedHashMap<>();
        for (FileDescriptor each : FileDescriptorUtils.baseDependencies()) {
            known.put(each.getName(), each);
        }
        for (Map.Entry<String, String> each : texts.entrySet()) {
            known.put(each.getKey(), parsed(each.getKey(), each.getValue(), texts, known));
        }
        return parsed(place(found.text(), FILE), moved(found.text(), places), texts, known);
    }

    private static FileDescriptor parsed(
            String place, String text, Map<String, String> others, Map<String, FileDescriptor> known) throws Exception {
        String file = place.substring(place.lastIndexOf('/') + 1);
        var made = FileDescriptorUtils.toFileDescriptorProto(text, file, packageOf(text), others).toBuilder().setName(place).build();
        FileDescriptor[] imported =
                made.getDependencyList().stream().map(known::get).filter(Objects::nonNull).toArray(FileDescriptor[]::new);
        return FileDescriptor.buildFrom(made, imported);
    }

    private static String place(String text, String file) {
        return packageOf(text).map(name -> name.replace('.', '/') + "/").orElse("") + file;
    }

    private static Optional<String> packageOf(String text) {
        Matcher found = PACKAGE.matcher(text);
        return found.find() ? Optional.of(found.group(1)) : Optional.empty();
    }

    private static String moved(String text, Map<String, String> places) {
        return IMPORT.matcher(text).replaceAll(found -> Matcher.quoteReplacement(
                found.group(1) + "\"" + places.getOrDefault(found.group(2), found.group(2)) + "\""));
    }

    private static Descriptor descriptor(FileDescriptor file, List<TypeElement> types, List<Integer> path) {
        Descriptor found = null;
        List<TypeElement> known = types;
        for (int index : path) {
            List<TypeElement> messages = known.stream().filter(each -> each instanceof MessageElement).toList();
            if (index < 0 || index >= messages.size()) {
                throw new DataException("there is no message " + path);
            }
            TypeElement next = messages.get(index);
            found = found == null ? file.findMessageTypeByName(next.getName()) : found.findNestedTypeByName(next.getName());
            known = next.getNestedTypes();
        }
        return found;
    }

    /** Which message of the file it is: the number of indices, and these; a single zero means the first one. */
    private static List<Integer> path(ByteBuffer content) {
        int count = varint(content);
        if (count == 0) {
            return List.of(0);
        }
        if (count < 0 || count > DEEPEST) {
            throw new DataException("it does not say which message it is");
        }
        java.util.ArrayList<Integer> found = new java.util.ArrayList<>();
        for (int each = 0; each < count; each++) {
            found.add(varint(content));
        }
        return List.copyOf(found);
    }

    /** A whole number of varying length, in zigzag order. */
    private static int varint(ByteBuffer content) {
        int raw = 0;
        for (int shift = 0; shift < Integer.SIZE; shift += 7) {
            byte next = content.get();
            raw |= (next & 0x7f) << shift;
            if (next >= 0) {
                return (raw >>> 1) ^ -(raw & 1);
            }
        }
        throw new DataException("it does not say which message it is");
    }
}
