// A client of Apache Kafka on franz-go, under a test.
//
//	client write BOOTSTRAP TOPIC PARTITION CODEC   writes the records of stdin, says how many; - is any partition
//	client read BOOTSTRAP TOPIC COUNT              shows so many records from the beginning of all partitions
//	client group BOOTSTRAP PROTOCOL                rebalances and transactions in groups; says ok
//
// PROTOCOL is classic or consumer (KIP-848). Records are lines as in lines.go. What goes wrong ends it with status 1.
// The same programs as ci/java/{Write,Read,Group}.java.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const limit = 30 * time.Second

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func main() {
	log.SetFlags(0)
	args := os.Args[1:]
	if len(args) < 3 {
		log.Fatal("usage: client write|read|group BOOTSTRAP ..")
	}
	switch args[0] {
	case "write":
		write(args[1], args[2], args[3], args[4])
	case "read":
		read(args[1], args[2], args[3])
	case "group":
		group(args[1], args[2])
	default:
		log.Fatalf("no such verb: %s", args[0])
	}
}

func write(bootstrap, topic, partition, codec string) {
	chosen, known := codecs[codec]
	check(known, "no such codec: "+codec)
	options := []kgo.Opt{kgo.ProducerBatchCompression(chosen), kgo.ProducerLinger(50 * time.Millisecond)}
	where := 0
	if partition != "-" {
		number, err := strconv.Atoi(partition)
		must(err)
		where = number
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	client := connect(bootstrap, options...)
	defer client.Close()
	var records []*kgo.Record
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		record := parse(lines.Text())
		record.Topic, record.Partition = topic, int32(where)
		records = append(records, record)
	}
	must(lines.Err())
	within, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	must(client.ProduceSync(within, records...).FirstErr())
	fmt.Println(len(records))
}

func read(bootstrap, topic, count string) {
	wanted, err := strconv.Atoi(count)
	must(err)
	client := connect(bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	var seen []*kgo.Record
	within, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for len(seen) < wanted {
		fetches := client.PollFetches(within)
		must(fetches.Err())
		seen = append(seen, fetches.Records()...)
	}
	var out strings.Builder
	for _, record := range seen {
		show(&out, record)
	}
	fmt.Print(out.String())
}

func createTopic(bootstrap, topic string, partitions int32) {
	client := connect(bootstrap)
	defer client.Close()
	request := kmsg.NewPtrCreateTopicsRequest()
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = topic, partitions, 1
	request.Topics = append(request.Topics, wanted)
	response, err := request.RequestWith(context.Background(), client)
	must(err)
	must(kerr.ErrorForCode(response.Topics[0].ErrorCode))
}

func connect(bootstrap string, options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(options, seeds(bootstrap))...)
	must(err)
	return client
}

func seeds(bootstrap string) kgo.Opt { return kgo.SeedBrokers(strings.Split(bootstrap, ",")...) }

func must(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func check(holds bool, what string) {
	if !holds {
		log.Panic(what)
	}
}
