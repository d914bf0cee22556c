// franz-go beside kurier: the same words, the same JSON line (docs/performance.md).
//
//	franz-go produce --topic T --payload FILE --size N --warmup N --count N
//	franz-go consume --topic T --warmup N --count N
//
// each with [--bootstrap HOST:PORT] [--tag TEXT] [-X KEY=VALUE]..
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type options struct {
	mode, topic, payload, tag, bootstrap string
	size, warmup, count                  int64
	settings                             map[string]string
}

func read(words []string) options {
	o := options{bootstrap: "127.0.0.1:9092", size: 100, warmup: 100000, count: 1000000, settings: map[string]string{}}
	if len(words) == 0 || len(words)%2 == 0 {
		log.Fatal("franz-go produce|consume [OPTION VALUE]..")
	}
	o.mode = words[0]
	texts := map[string]*string{"--topic": &o.topic, "--payload": &o.payload, "--tag": &o.tag, "--bootstrap": &o.bootstrap}
	numbers := map[string]*int64{"--size": &o.size, "--warmup": &o.warmup, "--count": &o.count}
	for i := 1; i < len(words); i += 2 {
		name, value := words[i], words[i+1]
		if name == "-X" {
			key, value, _ := strings.Cut(value, "=")
			o.settings[key] = value
		} else if text, found := texts[name]; found {
			*text = value
		} else if number, found := numbers[name]; found {
			*number = must(strconv.ParseInt(value, 10, 64))
		} else {
			log.Fatalf("%s is no option", name)
		}
	}
	return o
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

type usage struct {
	at           time.Time
	user, system time.Duration
	switches     int64
}

func usageNow() usage {
	var used syscall.Rusage
	must(0, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	user, system := time.Duration(used.Utime.Nano()), time.Duration(used.Stime.Nano())
	return usage{time.Now(), user, system, used.Nvcsw + used.Nivcsw}
}

func peakMiB() float64 {
	for _, line := range strings.Split(string(must(os.ReadFile("/proc/self/status"))), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			return must(strconv.ParseFloat(fields[1], 64)) / 1024
		}
	}
	return 0
}

func main() {
	o := read(os.Args[1:])
	switch o.mode {
	case "produce":
		produce(o)
	case "consume":
		consume(o)
	default:
		log.Fatalf("%s is none of produce, consume", o.mode)
	}
}

func produce(o options) {
	payload := must(os.ReadFile(o.payload))
	values := int64(len(payload)) / o.size
	with := []kgo.Opt{
		kgo.SeedBrokers(o.bootstrap),
		kgo.DefaultProduceTopic(o.topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(1000000),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.MaxBufferedRecords(100000),
		kgo.RequiredAcks(kgo.AllISRAcks()),
	}
	if o.settings["compression.type"] == "lz4" {
		with = append(with, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	} else {
		with = append(with, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	client := must(kgo.NewClient(with...))
	ctx := context.Background()
	var failed atomic.Int64
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Add(1)
		}
	}
	var opened usage
	for i := int64(0); i < o.warmup+o.count; i++ {
		if i == o.warmup {
			must(0, client.Flush(ctx))
			opened = usageNow()
		}
		at := i % values * o.size
		client.Produce(ctx, &kgo.Record{Value: payload[at : at+o.size]}, promise)
	}
	must(0, client.Flush(ctx))
	print(o, opened, usageNow(), o.count, o.count*o.size, failed.Load())
}

func consume(o options) {
	from := map[string]map[int32]kgo.Offset{o.topic: {0: kgo.NewOffset().At(0)}}
	client := must(kgo.NewClient(kgo.SeedBrokers(o.bootstrap), kgo.ConsumePartitions(from), kgo.FetchMaxPartitionBytes(1<<20)))
	var opened usage
	var records, before, bytes, next, failed int64
	for records < o.warmup+o.count {
		fetches := client.PollFetches(context.Background())
		fetches.EachError(func(_ string, _ int32, err error) { log.Fatal(err) })
		fetches.EachRecord(func(record *kgo.Record) {
			if record.Offset != next {
				failed++
			}
			next = record.Offset + 1
			records++
			bytes += int64(len(record.Value))
		})
		if before == 0 && records >= o.warmup {
			opened, before, bytes = usageNow(), records, 0
		}
	}
	print(o, opened, usageNow(), records-before, bytes, failed)
}

func print(o options, opened, closed usage, records, bytes, errors int64) {
	n, secs := float64(records), closed.at.Sub(opened.at).Seconds()
	user, system := float64(closed.user-opened.user), float64(closed.system-opened.system)
	fmt.Printf(`{"client":%q,"mode":%q,"topic":%q,"tag":%q,"size":%d,"records":%d`, name(), o.mode, o.topic, o.tag, bytes/records, records)
	fmt.Printf(`,"secs":%.3f,"rec_s":%.0f,"MB_s":%.1f`, secs, n/secs, float64(bytes)/1e6/secs)
	fmt.Printf(`,"cpu_ns_rec":%.0f,"user_ns_rec":%.0f,"sys_ns_rec":%.0f`, (user+system)/n, user/n, system/n)
	fmt.Printf(`,"cpu_util":%.2f,"ctxsw_per_k":%.2f`, (user+system)/1e9/secs, float64(closed.switches-opened.switches)*1000/n)
	fmt.Printf(`,"rss_mb":%.1f,"errors":%d}`+"\n", peakMiB(), errors)
	if errors > 0 {
		os.Exit(1)
	}
}

func name() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/twmb/franz-go" {
			return "franz-go " + strings.TrimPrefix(module.Version, "v")
		}
	}
	return "franz-go"
}
