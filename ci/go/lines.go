package main

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// parse reads a record: key, value, and NAME=VALUE headers, tab between, each in hex, null as "-".
func parse(line string) *kgo.Record {
	fields := strings.Split(line, "\t")
	record := &kgo.Record{Key: raw(fields[0]), Value: raw(fields[1])}
	for _, field := range fields[2:] {
		name, value, _ := strings.Cut(field, "=")
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: string(raw(name)), Value: raw(value)})
	}
	return record
}

// show writes a record as parse reads it, behind its partition.
func show(out *strings.Builder, record *kgo.Record) {
	fmt.Fprintf(out, "%d\t%s\t%s", record.Partition, text(record.Key), text(record.Value))
	for _, header := range record.Headers {
		fmt.Fprintf(out, "\t%s=%s", text([]byte(header.Key)), text(header.Value))
	}
	out.WriteByte('\n')
}

func raw(text string) []byte {
	if text == "-" {
		return nil
	}
	bytes, err := hex.DecodeString(text)
	must(err)
	return bytes
}

func text(bytes []byte) string {
	if bytes == nil {
		return "-"
	}
	return hex.EncodeToString(bytes)
}
