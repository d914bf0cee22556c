// Prints where Sarama puts keys; README.md says how to run it.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/IBM/sarama"
)

var counts = []int32{1, 3, 7, 12, 50, 1000}

// Lines of stdin begin with a key in hex; a line of stdout is the key, a count of partitions, and
// the partitions of NewHashPartitioner and of NewReferenceHashPartitioner.
func main() {
	hash, reference := sarama.NewHashPartitioner("t"), sarama.NewReferenceHashPartitioner("t")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		text := strings.Split(lines.Text(), "\t")[0]
		key, err := hex.DecodeString(text)
		check(err)
		message := &sarama.ProducerMessage{Topic: "t", Key: sarama.ByteEncoder(key)}
		for _, count := range counts {
			one, err := hash.Partition(message, count)
			check(err)
			other, err := reference.Partition(message, count)
			check(err)
			fmt.Printf("%s\t%d\t%d\t%d\n", text, count, one, other)
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
