// Aggregates what each device reported per minute: count, minimum, maximum and mean, written under the device's key.
//
// A minute is committed once it is written, not before: whichever member takes over a partition rereads its open minute
// from the first reading. Nothing is lost when a pod ends, however it ends, and no minute is split because pods came
// or went.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How long a minute stays open after its end in a quiet partition, so that readings on their way arrive.
const grace = 2 * time.Second

const (
	// How long Kafka has to accept minutes before the program gives up and is restarted.
	acknowledge = 20 * time.Second
	// While the group changes the client does not commit; after a member died that takes the session timeout (45 s).
	commit = 2 * time.Minute
)

type settings struct {
	readings, minutes, group string
	window                   time.Duration
}

func settingsFrom(variable func(string) string) (settings, error) {
	chosen := settings{window: time.Minute}
	for _, each := range []struct {
		name  string
		value *string
	}{{"KAFKA_READ_TOPICS", &chosen.readings}, {"KAFKA_WRITE_TOPICS", &chosen.minutes}, {"KAFKA_GROUP_ID", &chosen.group}} {
		if *each.value = variable(each.name); *each.value == "" {
			return chosen, fmt.Errorf("%s: is not set", each.name)
		}
	}
	if text := variable("WINDOW"); text != "" {
		window, err := time.ParseDuration(text)
		if err != nil || window < time.Second {
			return chosen, fmt.Errorf("WINDOW: %q: use a duration of at least a second, such as 1m", text)
		}
		chosen.window = window
	}
	return chosen, nil
}

type aggregator struct {
	settings
	client    *kgo.Client
	collector *Collector
	// ends are the offsets after the last record of each partition, as of the last fetch of it.
	ends map[Position]int64
}

func newAggregator(chosen settings, connection []kgo.Opt) (*aggregator, error) {
	made := &aggregator{settings: chosen, collector: NewCollector(chosen.window), ends: map[Position]int64{}}
	forget := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		made.collector.Forget(partitions)
	}
	client, err := kgo.NewClient(append(connection,
		kgo.ConsumerGroup(chosen.group),
		kgo.ConsumeTopics(chosen.readings),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(),
		// No partition is taken away while its records are being processed.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsRevoked(forget),
		kgo.OnPartitionsLost(forget),
		// Java's partitioner, which the platform's other clients use too; it is also this client's default.
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.RequiredAcks(kgo.AllISRAcks()),
	)...)
	made.client = client
	return made, err
}

// run reads until the context ends; the group is left when it returns.
func (a *aggregator) run(ctx context.Context) error {
	defer a.client.CloseAllowingRebalance()
	for ctx.Err() == nil {
		polling, cancel := context.WithTimeout(ctx, time.Second)
		fetches := a.client.PollRecords(polling, 10_000)
		cancel()
		if err := failure(fetches); err != nil {
			return err
		}
		var finished []*Finished
		fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
			at := Position{partition.Topic, partition.Partition}
			if len(partition.Records) == 0 {
				return
			}
			a.ends[at] = partition.HighWatermark
			for _, record := range partition.Records {
				if ended := a.collector.Add(record); ended != nil {
					finished = append(finished, ended)
				}
			}
		})
		caughtUp := func(at Position, next int64) bool { return next >= a.ends[at] }
		finished = append(finished, a.collector.EndBefore(time.Now().Add(-grace), caughtUp)...)
		// Not the context that ends with the program: pending work is finished.
		if err := a.write(context.Background(), finished); err != nil {
			return err
		}
		a.client.AllowRebalance()
	}
	return nil
}

func failure(fetches kgo.Fetches) error {
	for _, each := range fetches.Errors() {
		if !errors.Is(each.Err, context.DeadlineExceeded) && !errors.Is(each.Err, context.Canceled) {
			return fmt.Errorf("cannot read %s: %w", each.Topic, each.Err)
		}
	}
	return nil
}

// write writes complete minutes and then commits them.
func (a *aggregator) write(ctx context.Context, finished []*Finished) error {
	if len(finished) == 0 {
		return nil
	}
	var records []*kgo.Record
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for _, each := range finished {
		for _, minute := range each.Minutes {
			value, err := json.Marshal(minute)
			if err != nil {
				return err
			}
			records = append(records, &kgo.Record{Topic: a.minutes, Key: []byte(minute.Device), Value: value})
		}
		if offsets[each.Topic] == nil {
			offsets[each.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[each.Topic][each.Partition] = kgo.EpochOffset{Epoch: -1, Offset: each.Commit}
	}
	producing, cancel := context.WithTimeout(ctx, acknowledge)
	defer cancel()
	if err := a.client.ProduceSync(producing, records...).FirstErr(); err != nil {
		return fmt.Errorf("cannot write %s: %w", a.minutes, err)
	}
	if err := a.commit(ctx, offsets); err != nil {
		return fmt.Errorf("cannot commit: %w", err)
	}
	log.Printf("%d minutes of devices written, of %d partitions; %d readings that are none so far",
		len(records), len(finished), a.collector.Unreadable)
	return nil
}

// commit commits offsets whatever else happens in the group.
func (a *aggregator) commit(ctx context.Context, offsets map[string]map[int32]kgo.EpochOffset) error {
	ctx, cancel := context.WithTimeout(ctx, commit)
	defer cancel()
	var failed error
	a.client.CommitOffsetsSync(ctx, offsets, func(
		_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error,
	) {
		failed = err
		if err != nil {
			return
		}
		for _, topic := range answer.Topics {
			for _, partition := range topic.Partitions {
				if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
					failed = fmt.Errorf("%s, partition %d: %w", topic.Topic, partition.Partition, err)
				}
			}
		}
	})
	return failed
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := start(ctx); err != nil {
		log.Print(strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
	log.Print("stopped; the group is left")
}

func start(ctx context.Context) error {
	chosen, err := settingsFrom(os.Getenv)
	if err != nil {
		return err
	}
	connection, err := connectionFrom(os.Getenv)
	if err != nil {
		return err
	}
	made, err := newAggregator(chosen, connection)
	if err != nil {
		return err
	}
	return made.run(ctx)
}
