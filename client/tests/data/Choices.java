package org.apache.kafka.clients.producer.internals;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.utils.LogContext;

/**
 * Prints which partition Java's producer turns to; README.md says how to run it. A line has the length of each
 * partition's queue, or "-" where it is not to be used, a random number, and the partition.
 */
public class Choices {
    public static void main(String[] args) {
        Random random = new Random(17);
        for (int round = 0; round < 60; round++) {
            Integer[] queues = new Integer[2 + random.nextInt(8)];
            for (int i = 0; i < queues.length; i++) {
                queues[i] = random.nextInt(5) == 0 ? null : random.nextInt(1 + round % 20);
            }
            queues[random.nextInt(queues.length)] = round % 3;
            for (int draw = 0; draw < 6; draw++) {
                print(queues, random.nextInt(Integer.MAX_VALUE));
            }
        }
    }

    private static void print(Integer[] queues, int number) {
        int[] sizes = new int[queues.length];
        int[] ids = new int[queues.length];
        int length = 0;
        Node node = new Node(0, "h", 1);
        PartitionInfo[] infos = new PartitionInfo[queues.length];
        for (int i = 0; i < queues.length; i++) {
            infos[i] = new PartitionInfo("t", i, queues[i] == null ? null : node, null, null);
            if (queues[i] != null) {
                sizes[length] = queues[i];
                ids[length++] = i;
            }
        }
        Cluster cluster = new Cluster("c", List.of(node), Arrays.asList(infos), java.util.Set.of(), java.util.Set.of());
        BuiltInPartitioner partitioner = new BuiltInPartitioner(new LogContext(), "t", 1) {
            @Override
            int randomPartition() {
                return number;
            }
        };
        partitioner.updatePartitionLoadStats(sizes, ids, length);
        int partition = partitioner.peekCurrentPartitionInfo(cluster).partition();
        StringBuilder line = new StringBuilder();
        for (Integer queue : queues) {
            line.append(line.length() == 0 ? "" : " ").append(queue == null ? "-" : queue.toString());
        }
        System.out.println(line + "\t" + number + "\t" + partition);
    }
}
