package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func reading(partition int32, offset int64, device string, second int, celsius float64) *kgo.Record {
	return &kgo.Record{
		Topic: "readings", Partition: partition, Offset: offset, Key: []byte(device),
		Timestamp: noon.Add(time.Duration(second) * time.Second),
		Value:     fmt.Appendf(nil, `{"celsius": %v}`, celsius),
	}
}

func TestAMinuteEndsWithTheFirstReadingOfTheNext(t *testing.T) {
	collector := NewCollector(time.Minute)
	for offset, each := range []*kgo.Record{
		reading(0, 0, "boiler", 1, 20), reading(0, 1, "door", 2, -3), reading(0, 2, "boiler", 59, 30),
	} {
		if ended := collector.Add(each); ended != nil {
			t.Fatalf("reading %d ended %v", offset, ended)
		}
	}
	ended := collector.Add(reading(0, 3, "door", 60, 5))
	if ended == nil || ended.Commit != 3 || ended.Partition != 0 || len(ended.Minutes) != 2 {
		t.Fatalf("got %+v", ended)
	}
	boiler, door := ended.Minutes[0], ended.Minutes[1]
	if boiler.Device != "boiler" || boiler.Count != 2 || boiler.Least != 20 || boiler.Most != 30 || boiler.Mean != 25 {
		t.Errorf("boiler: %+v", boiler)
	}
	if door.Count != 1 || door.Least != -3 || door.Most != -3 || !door.Start.Equal(noon) || door.First != 0 {
		t.Errorf("door: %+v", door)
	}
}

func TestAReadingThatComesLateCountsForTheOpenMinute(t *testing.T) {
	collector := NewCollector(time.Minute)
	collector.Add(reading(0, 7, "boiler", 61, 20))
	if ended := collector.Add(reading(0, 8, "boiler", 59, 10)); ended != nil {
		t.Fatalf("ended %+v", ended)
	}
	ended := collector.Add(reading(0, 9, "boiler", 120, 0))
	if ended.Minutes[0].Count != 2 || ended.Minutes[0].First != 7 || !ended.Minutes[0].Start.Equal(noon.Add(time.Minute)) {
		t.Errorf("got %+v", ended.Minutes)
	}
}

func TestWhoeverTakesAPartitionOverCollectsTheSameMinute(t *testing.T) {
	records := []*kgo.Record{
		reading(0, 0, "boiler", 1, 20), reading(0, 1, "boiler", 61, 21), reading(0, 2, "boiler", 59, 22),
		reading(0, 3, "boiler", 62, 23), reading(0, 4, "boiler", 121, 24),
	}
	whole := NewCollector(time.Minute)
	var want []Minute
	for _, each := range records {
		if ended := whole.Add(each); ended != nil {
			want = append(want, ended.Minutes...)
		}
	}
	for lives := range records {
		var got []Minute
		committed := int64(0)
		for _, member := range [][]*kgo.Record{records[:lives], records} {
			collector := NewCollector(time.Minute)
			for _, each := range member {
				if each.Offset < committed {
					continue
				}
				if ended := collector.Add(each); ended != nil {
					got = append(got, ended.Minutes...)
					committed = ended.Commit
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("taken over after %d readings: %v, want %v", lives, got, want)
		}
	}
}

func TestAnIdlePartitionsMinuteEndsByTheClockOnceAllIsRead(t *testing.T) {
	collector := NewCollector(time.Minute)
	collector.Add(reading(0, 0, "boiler", 1, 20))
	collector.Add(reading(1, 5, "door", 1, 20))
	caughtUp := func(at Position, next int64) bool { return at.Partition == 1 && next == 6 }
	if ended := collector.EndBefore(noon.Add(59*time.Second), caughtUp); len(ended) != 0 {
		t.Fatalf("before its end: %v", ended)
	}
	ended := collector.EndBefore(noon.Add(61*time.Second), caughtUp)
	if len(ended) != 1 || ended[0].Partition != 1 || ended[0].Commit != 6 {
		t.Fatalf("got %+v", ended)
	}
}

func TestWhatIsTakenAwayIsForgotten(t *testing.T) {
	collector := NewCollector(time.Minute)
	collector.Add(reading(0, 0, "boiler", 1, 20))
	collector.Forget(map[string][]int32{"readings": {0}})
	if ended := collector.Add(reading(0, 9, "boiler", 61, 20)); ended != nil {
		t.Errorf("ended %+v", ended)
	}
}

func TestWhatIsNoReadingIsCountedAndCommitted(t *testing.T) {
	collector := NewCollector(time.Minute)
	for offset, value := range []string{"", "hot", "[]", `{"fahrenheit": 1}`, `{"celsius": "1"}`} {
		record := reading(0, int64(offset), "boiler", 1, 0)
		record.Value = []byte(value)
		collector.Add(record)
	}
	ended := collector.Add(reading(0, 5, "boiler", 60, 1))
	if collector.Unreadable != 5 || len(ended.Minutes) != 0 || ended.Commit != 5 {
		t.Errorf("%d unreadable, %+v", collector.Unreadable, ended)
	}
}

func TestSettingsAreCheckedBeforeAnythingStarts(t *testing.T) {
	given := map[string]string{"KAFKA_READ_TOPICS": "r", "KAFKA_WRITE_TOPICS": "m", "KAFKA_GROUP_ID": "g", "WINDOW": "10s"}
	chosen, err := settingsFrom(func(name string) string { return given[name] })
	if err != nil || chosen.window != 10*time.Second || chosen.group != "g" {
		t.Fatalf("%+v, %v", chosen, err)
	}
	for name, value := range map[string]string{"KAFKA_READ_TOPICS": "", "KAFKA_GROUP_ID": "", "WINDOW": "soon"} {
		_, err := settingsFrom(func(asked string) string {
			if asked == name {
				return value
			}
			return given[asked]
		})
		if err == nil || !strings.HasPrefix(err.Error(), name+":") {
			t.Errorf("%s=%q: %v", name, value, err)
		}
	}
}

func TestTheConnectionNamesTheVariableAtFault(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	given := map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": "a:9092,b:9092", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
		"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD_FILE": password,
	}
	if _, err := connectionFrom(func(name string) string { return given[name] }); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": "", "KAFKA_SECURITY_PROTOCOL": "TLS", "KAFKA_SASL_MECHANISM": "GSSAPI",
		"KAFKA_SASL_PASSWORD_FILE": "/nowhere", "KAFKA_SSL_CA_FILE": password,
	} {
		_, err := connectionFrom(func(asked string) string {
			if asked == name {
				return value
			}
			return given[asked]
		})
		if err == nil || !strings.HasPrefix(err.Error(), name+":") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s=%q: %v", name, value, err)
		}
	}
}
