package main

import (
	"encoding/json"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Position is a partition of a topic.
type Position struct {
	Topic     string
	Partition int32
}

// Minute is written for a device when a minute of its partition is complete.
type Minute struct {
	Start  time.Time `json:"start"`
	Count  int       `json:"count"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Mean   float64   `json:"mean"`
	Device string    `json:"-"`
	// First is the offset of the first reading of this minute in the partition. A minute that is written twice, because
	// the program died between writing and committing, has the same start and first as before.
	First int64 `json:"first"`

	sum float64
}

func (m *Minute) add(celsius float64) {
	if m.Count == 0 || celsius < m.Least {
		m.Least = celsius
	}
	if m.Count == 0 || celsius > m.Most {
		m.Most = celsius
	}
	m.Count++
	m.sum += celsius
}

// bucket is a partition's open minute. It is a range of offsets: the first reading of a later
// minute ends it, and a late reading counts for the open minute. So its contents can be reread from
// its first offset, and no other state has to be kept anywhere.
type bucket struct {
	start   time.Time
	first   int64
	next    int64
	devices map[string]*Minute
}

// Finished are complete minutes of a partition, and the offset to commit once they are written.
type Finished struct {
	Position
	Minutes []Minute
	Commit  int64
}

// Collector collects the open minute of every partition that this program reads.
type Collector struct {
	window     time.Duration
	open       map[Position]*bucket
	Unreadable int
}

// NewCollector makes a collector of windows of this length.
func NewCollector(window time.Duration) *Collector {
	return &Collector{window: window, open: map[Position]*bucket{}}
}

// Add adds a reading. It returns the minute that the reading ended, if any.
func (c *Collector) Add(record *kgo.Record) *Finished {
	at := Position{record.Topic, record.Partition}
	start := record.Timestamp.Truncate(c.window).UTC()
	var finished *Finished
	current := c.open[at]
	if current != nil && start.After(current.start) {
		finished, current = c.end(at), nil
	}
	if current == nil {
		current = &bucket{start: start, first: record.Offset, devices: map[string]*Minute{}}
		c.open[at] = current
	}
	current.next = record.Offset + 1
	var reading struct {
		Celsius *float64 `json:"celsius"`
	}
	if json.Unmarshal(record.Value, &reading) != nil || reading.Celsius == nil {
		c.Unreadable++
		return finished
	}
	device := string(record.Key)
	if current.devices[device] == nil {
		current.devices[device] = &Minute{Start: current.start, First: current.first, Device: device}
	}
	current.devices[device].add(*reading.Celsius)
	return finished
}

// EndBefore returns the minutes that ended before a time, for partitions without a newer reading to end them.
func (c *Collector) EndBefore(now time.Time, caughtUp func(Position, int64) bool) []*Finished {
	var finished []*Finished
	for at, current := range c.open {
		if current.start.Add(c.window).Before(now) && caughtUp(at, current.next) {
			finished = append(finished, c.end(at))
		}
	}
	return finished
}

// Forget drops the open minutes of partitions that another member now reads: it rereads them from their first offset.
func (c *Collector) Forget(partitions map[string][]int32) {
	for topic, numbers := range partitions {
		for _, number := range numbers {
			delete(c.open, Position{topic, number})
		}
	}
}

func (c *Collector) end(at Position) *Finished {
	current := c.open[at]
	delete(c.open, at)
	finished := &Finished{Position: at, Commit: current.next}
	for _, minute := range current.devices {
		minute.Mean = minute.sum / float64(minute.Count)
		finished.Minutes = append(finished.Minutes, *minute)
	}
	sort.Slice(finished.Minutes, func(i, j int) bool { return finished.Minutes[i].Device < finished.Minutes[j].Device })
	return finished
}
