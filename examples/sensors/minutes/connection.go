package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// connectionFrom reads how to reach and log in to Kafka from the KAFKA_* variables that the platform sets in a worker.
// The password is in a file, never in a variable.
func connectionFrom(variable func(string) string) ([]kgo.Opt, error) {
	servers := variable("KAFKA_BOOTSTRAP_SERVERS")
	if servers == "" {
		return nil, fmt.Errorf("KAFKA_BOOTSTRAP_SERVERS: is not set")
	}
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(servers, ",")...), kgo.ClientID("sensors-minutes")}
	protocol := variable("KAFKA_SECURITY_PROTOCOL")
	switch protocol {
	case "", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL":
	default:
		return nil, fmt.Errorf("KAFKA_SECURITY_PROTOCOL: %q: use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", protocol)
	}
	if strings.HasSuffix(protocol, "SSL") {
		trusted := &tls.Config{MinVersion: tls.VersionTLS12}
		if file := variable("KAFKA_SSL_CA_FILE"); file != "" {
			authority, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("KAFKA_SSL_CA_FILE: %w", err)
			}
			trusted.RootCAs = x509.NewCertPool()
			if !trusted.RootCAs.AppendCertsFromPEM(authority) {
				return nil, fmt.Errorf("KAFKA_SSL_CA_FILE: %s: has no certificate in PEM", file)
			}
		}
		options = append(options, kgo.DialTLSConfig(trusted))
	}
	if !strings.HasPrefix(protocol, "SASL_") {
		return options, nil
	}
	password, err := os.ReadFile(variable("KAFKA_SASL_PASSWORD_FILE"))
	if err != nil {
		return nil, fmt.Errorf("KAFKA_SASL_PASSWORD_FILE: %w", err)
	}
	user, secret := variable("KAFKA_SASL_USERNAME"), strings.TrimRight(string(password), "\r\n")
	switch mechanism := variable("KAFKA_SASL_MECHANISM"); mechanism {
	case "SCRAM-SHA-512":
		return append(options, kgo.SASL(scram.Auth{User: user, Pass: secret}.AsSha512Mechanism())), nil
	case "PLAIN":
		return append(options, kgo.SASL(plain.Auth{User: user, Pass: secret}.AsMechanism())), nil
	default:
		return nil, fmt.Errorf("KAFKA_SASL_MECHANISM: %q: use SCRAM-SHA-512 or PLAIN", mechanism)
	}
}
