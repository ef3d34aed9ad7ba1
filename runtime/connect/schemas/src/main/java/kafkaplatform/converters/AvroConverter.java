package kafkaplatform.converters;

import io.apicurio.registry.utils.converter.avro.AvroData;
import java.io.ByteArrayOutputStream;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.data.Schema;

/** Records in Avro. */
public final class AvroConverter extends RegistryConverter {
    private static final int MOST_SCHEMAS = 1000;

    private final AvroData data = new AvroData(MOST_SCHEMAS);

    @Override
    String type() {
        return "AVRO";
    }

    @Override
    Reader reader(Registry.Found found) {
        org.apache.avro.Schema.Parser parser = new org.apache.avro.Schema.Parser();
        found.references().values().forEach(parser::parse);
        org.apache.avro.Schema schema = parser.parse(found.text());
        GenericDatumReader<Object> reader = new GenericDatumReader<>(schema);
        return content -> {
            byte[] bytes = content.array();
            var decoder = DecoderFactory.get().binaryDecoder(bytes, content.position(), content.remaining(), null);
            return data.toConnectData(schema, reader.read(null, decoder));
        };
    }

    @Override
    Writer writer(Schema schema) {
        org.apache.avro.Schema avro = data.fromConnectSchema(schema);
        GenericDatumWriter<Object> writer = new GenericDatumWriter<>(avro);
        return new Writer() {
            @Override
            public String schema() {
                return avro.toString();
            }

            @Override
            public byte[] write(Object value) throws Exception {
                ByteArrayOutputStream made = new ByteArrayOutputStream();
                BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(made, null);
                Object given = data.fromConnectData(schema, value);
                writer.write(given instanceof io.apicurio.registry.serde.avro.NonRecordContainer
                        ? ((io.apicurio.registry.serde.avro.NonRecordContainer) given).getValue() : given, encoder);
                encoder.flush();
                return made.toByteArray();
            }
        };
    }
}
