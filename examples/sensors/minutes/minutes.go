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

// Minute is what is written for a device when a minute of its partition is complete.
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

// bucket is the minute that is being collected of one partition. It is a run of offsets: the first reading of a later
// minute ends it, and one that comes late counts for the minute that is open. So what is in it can be read again from
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

// Add takes a reading in. It returns the minute that the reading ended, if it ended one.
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

// EndBefore returns the minutes that ended before a time, of partitions that have no newer reading to end them.
func (c *Collector) EndBefore(now time.Time, caughtUp func(Position, int64) bool) []*Finished {
	var finished []*Finished
	for at, current := range c.open {
		if current.start.Add(c.window).Before(now) && caughtUp(at, current.next) {
			finished = append(finished, c.end(at))
		}
	}
	return finished
}

// Forget drops what is open of partitions that another member reads from now on: it reads them from their first offset.
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
