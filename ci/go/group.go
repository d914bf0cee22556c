package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// group does what ci/python/scenario.py does, in Go's words.
func group(bootstrap, protocol string) {
	source, target := "in-"+protocol, "out-"+protocol
	createTopic(bootstrap, source, 4)
	createTopic(bootstrap, target, 2)
	transactions(bootstrap, source)
	rebalance(bootstrap, protocol, source)
	transform(bootstrap, protocol, source, target)
	fmt.Println("ok")
}

// kept are the values of transactions that are committed.
func kept() []string {
	var values []string
	for number := range 80 {
		if number/10%2 == 0 {
			values = append(values, fmt.Sprintf("kept %d", number))
		}
	}
	slices.Sort(values)
	return values
}

// transactions commits forty records and aborts forty.
func transactions(bootstrap, topic string) {
	within := context.Background()
	producer := connect(bootstrap, kgo.TransactionalID("writer-"+topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer producer.Close()
	for round := range 8 {
		must(producer.BeginTransaction())
		word, end := "kept", kgo.TryCommit
		if round%2 == 1 {
			word, end = "lost", kgo.TryAbort
		}
		for n := range 10 {
			value := fmt.Appendf(nil, "%s %d", word, round*10+n)
			producer.Produce(within, &kgo.Record{Topic: topic, Partition: int32(n % 4), Value: value},
				func(_ *kgo.Record, err error) { must(err) })
		}
		must(producer.Flush(within))
		must(producer.EndTransaction(within, end))
	}
}

// rebalance shares four partitions between two members; when one leaves, the other has all.
func rebalance(bootstrap, protocol, topic string) {
	seen := map[string]bool{}
	first := join(bootstrap, "pair-"+protocol, protocol, topic)
	defer first.client.Close()
	until("one member has all", func() bool { return first.has(4) }, func() { first.poll(seen) })
	second := join(bootstrap, "pair-"+protocol, protocol, topic)
	until("two members share", func() bool { return first.has(2) && second.has(2) }, func() {
		first.poll(seen)
		second.poll(seen)
	})
	second.client.Close()
	until("the last member has all", func() bool { return first.has(4) }, func() { first.poll(seen) })
	until("all that was committed is read", func() bool { return len(seen) >= 40 }, func() { first.poll(seen) })
	same(slices.Sorted(maps.Keys(seen)))
}

// transform reads a topic in a group and writes to another, records and offsets in one transaction each. The first
// transaction with records, and every third one after it, is aborted, and its records are read again.
func transform(bootstrap, protocol, source, target string) {
	options := append(groupOptions("copy-"+protocol, protocol, source), seeds(bootstrap),
		kgo.TransactionalID("copier-"+protocol))
	session, err := kgo.NewGroupTransactSession(options...)
	must(err)
	within := context.Background()
	moved, tries := 0, 0
	until("all is copied", func() bool { return moved >= 40 }, func() {
		soon, cancel := context.WithTimeout(within, 100*time.Millisecond)
		defer cancel()
		records := session.PollRecords(soon, 10).Records()
		if len(records) == 0 {
			return
		}
		must(session.Begin())
		for _, record := range records {
			session.Produce(within, &kgo.Record{Topic: target, Value: record.Value},
				func(_ *kgo.Record, err error) { must(err) })
		}
		must(session.Client().Flush(within))
		committed, err := session.End(within, tries%3 != 0)
		must(err)
		if committed {
			moved += len(records)
		}
		tries++
	})
	session.Close()
	// The offsets went with the transactions: the next member finds nothing more.
	again := map[string]bool{}
	next := join(bootstrap, "copy-"+protocol, protocol, source)
	until("the next member has all", func() bool { return next.has(4) }, func() { next.poll(again) })
	for range 5 {
		next.poll(again)
	}
	next.client.Close()
	check(len(again) == 0, fmt.Sprint("read again: ", again))

	reader := connect(bootstrap, groupOptions("readers-"+protocol, protocol, target)...)
	defer reader.Close()
	var copied []string
	until("all that was copied is read", func() bool { return len(copied) >= 40 }, func() {
		for _, record := range poll(reader) {
			copied = append(copied, string(record.Value))
		}
	})
	slices.Sort(copied)
	same(copied)
}

func same(values []string) {
	check(slices.Equal(values, kept()), fmt.Sprintf("%d values are not those that were committed: %v", len(values), values))
}

// A member counts its partitions.
type member struct {
	client   *kgo.Client
	assigned *atomic.Int64
}

func join(bootstrap, group, protocol, topic string) member {
	assigned := new(atomic.Int64)
	lose := func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { assigned.Add(-count(gone)) }
	options := append(groupOptions(group, protocol, topic), kgo.OnPartitionsRevoked(lose), kgo.OnPartitionsLost(lose),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, come map[string][]int32) {
			assigned.Add(count(come))
		}))
	return member{connect(bootstrap, options...), assigned}
}

func (m member) has(partitions int64) bool { return m.assigned.Load() == partitions }

func (m member) poll(seen map[string]bool) {
	for _, record := range poll(m.client) {
		seen[string(record.Value)] = true
	}
}

func groupOptions(group, protocol, topic string) []kgo.Opt {
	options := []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.DisableAutoCommit(),
	}
	if protocol == "consumer" {
		options = append(options, kgo.Balancers(kgo.RangeBalancer()), kgo.ServerSideBalancer())
	}
	return options
}

func poll(client *kgo.Client) []*kgo.Record {
	soon, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	return client.PollFetches(soon).Records()
}

func count(partitions map[string][]int32) int64 {
	sum := 0
	for _, of := range partitions {
		sum += len(of)
	}
	return int64(sum)
}

func until(what string, holds func() bool, act func()) {
	end := time.Now().Add(limit)
	for !holds() {
		check(time.Now().Before(end), "not in time: "+what)
		act()
	}
}
