package org.apache.kafka.clients.consumer;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.internals.AbstractPartitionAssignor;
import org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor.MemberData;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * Prints how Java's assignors divide partitions; README.md says how to run it. A line has the assignor, the topics
 * with the racks of each partition, the members, and what they are given; for the sticky ones before that the sum of
 * the squares of the loads, and how many partitions are not where they were. What the cooperative one withholds until
 * it is given up counts as moved, and the loads are those of the round in which nothing moves any more.
 */
public class Assignments {
    private static final String[] RACKS = {"a", "b", "c"};
    private static final Random RANDOM = new Random(17);

    public static void main(String[] args) {
        for (int round = 0; round < 200; round++) {
            Map<String, List<PartitionInfo>> topics = topics(round % 3 != 0);
            List<Member> members = members(round % 2 == 0, round % 3 != 0);
            print("range", new RangeAssignor(), topics, members);
            print("roundrobin", new RoundRobinAssignor(), topics, members);
        }
        for (int round = 0; round < 400; round++) {
            Map<String, List<PartitionInfo>> topics = topics(false);
            List<Member> members = members(round % 2 == 0, false);
            claim(topics, members, round % 4 < 2);
            print("sticky", new StickyAssignor(), topics, members);
        }
        for (int round = 0; round < 400; round++) {
            Map<String, List<PartitionInfo>> topics = topics(false);
            List<Member> members = members(round % 2 == 0, false);
            claim(topics, members, round % 4 < 2);
            try {
                print("cooperative-sticky", new CooperativeStickyAssignor(), topics, members);
            } catch (NullPointerException | IllegalStateException error) {
                // Java's fails, or gives a partition to nobody, in one of some hundred cases each.
                System.err.println("round " + round + ": " + error);
            }
        }
        for (int round = 0; round < 200; round++) {
            Map<String, List<PartitionInfo>> topics = topics(false);
            List<Member> members = members(true, false);
            print("sticky", new StickyAssignor(), topics, members);
            print("cooperative-sticky", new CooperativeStickyAssignor(), topics, members);
        }
    }

    private static class Member {
        String id;
        String instance;
        String rack;
        List<String> topics = new ArrayList<>();
        int generation = -1;
        List<TopicPartition> held = new ArrayList<>();
    }

    private static Map<String, List<PartitionInfo>> topics(boolean racks) {
        Map<String, List<PartitionInfo>> topics = new TreeMap<>();
        int count = 1 + RANDOM.nextInt(5);
        int alike = 1 + RANDOM.nextInt(7);
        for (int topic = 0; topic < count; topic++) {
            List<PartitionInfo> partitions = new ArrayList<>();
            int size = RANDOM.nextBoolean() ? alike : 1 + RANDOM.nextInt(10);
            for (int partition = 0; partition < size; partition++) {
                List<Node> replicas = new ArrayList<>();
                for (int rack = 0; rack < RACKS.length; rack++) {
                    if (racks && RANDOM.nextInt(5) < 2) {
                        replicas.add(new Node(rack, "h", 1, RACKS[rack]));
                    }
                }
                Node[] nodes = replicas.toArray(new Node[0]);
                partitions.add(new PartitionInfo("t" + topic, partition, null, nodes, nodes));
            }
            topics.put("t" + topic, partitions);
        }
        return topics;
    }

    private static List<Member> members(boolean equal, boolean racks) {
        List<Member> members = new ArrayList<>();
        int count = 1 + RANDOM.nextInt(8);
        for (int i = 0; i < count; i++) {
            Member member = new Member();
            member.id = "m" + i;
            member.instance = RANDOM.nextInt(4) == 0 ? "i" + (9 - i) : null;
            member.rack = racks && RANDOM.nextInt(6) > 0 ? RACKS[RANDOM.nextInt(RACKS.length)] : null;
            for (int topic = 0; topic < 6; topic++) {
                if (RANDOM.nextInt(3) > 0) {
                    member.topics.add("t" + topic);
                }
            }
            if (equal && i > 0) {
                member.topics = members.get(0).topics;
            }
            members.add(member);
        }
        return members;
    }

    /** What members held: each partition of what they read, or have read, at most once, or (rarely) twice. */
    private static void claim(Map<String, List<PartitionInfo>> topics, List<Member> members, boolean lopsided) {
        int latest = 5;
        for (Member member : members) {
            member.generation = RANDOM.nextInt(4) == 0 ? latest - 1 : latest;
        }
        int among = lopsided ? 1 + RANDOM.nextInt(members.size()) : members.size();
        for (List<PartitionInfo> partitions : topics.values()) {
            for (PartitionInfo info : partitions) {
                TopicPartition partition = new TopicPartition(info.topic(), info.partition());
                Member member = members.get(RANDOM.nextInt(among));
                boolean isRead = member.topics.contains(info.topic());
                if (RANDOM.nextInt(5) > 0 && (isRead || RANDOM.nextInt(8) == 0)) {
                    member.held.add(partition);
                }
            }
        }
        for (Member member : members) {
            if (member.held.isEmpty()) {
                member.generation = -1;
            }
        }
    }

    private static void print(String name, AbstractPartitionAssignor assignor, Map<String, List<PartitionInfo>> topics,
            List<Member> members) {
        Map<String, List<TopicPartition>> plan = assign(name, assignor, topics, members);
        String outcome = show(members, plan);
        if (name.equals("sticky")) {
            outcome = squares(members, plan) + " " + moves(members, plan) + "\t" + outcome;
        } else if (name.equals("cooperative-sticky")) {
            Map<Member, List<TopicPartition>> held = new HashMap<>();
            Map<Member, Integer> generations = new HashMap<>();
            for (Member member : members) {
                held.put(member, member.held);
                generations.put(member, member.generation);
            }
            Map<String, List<TopicPartition>> last = plan;
            int generation = members.stream().mapToInt(member -> member.generation).max().getAsInt();
            int withheld = withheld(members, last);
            // Until nobody has to give anything up, once or more.
            for (int more = 1; more > 0; withheld += more) {
                generation++;
                for (Member member : members) {
                    member.held = last.get(member.id);
                    member.generation = generation;
                }
                last = assign(name, assignor, topics, members);
                more = withheld(members, last);
            }
            int given = last.values().stream().mapToInt(List::size).sum();
            int wanted = topics.entrySet().stream().filter(topic -> members.stream().anyMatch(member ->
                member.topics.contains(topic.getKey()))).mapToInt(topic -> topic.getValue().size()).sum();
            if (given < wanted) {
                throw new IllegalStateException("only " + given + " of " + wanted + " are given");
            }
            int squares = squares(members, last);
            for (Member member : members) {
                member.held = held.get(member);
                member.generation = generations.get(member);
            }
            outcome = squares + " " + withheld + "\t" + outcome;
        }
        System.out.println(name + "\t" + show(topics) + "\t" + members.stream().map(Assignments::show)
            .collect(Collectors.joining(" ")) + "\t" + outcome);
    }

    private static Map<String, List<TopicPartition>> assign(String name, AbstractPartitionAssignor assignor,
            Map<String, List<PartitionInfo>> topics, List<Member> members) {
        boolean isCooperative = name.equals("cooperative-sticky");
        Map<String, Subscription> subscriptions = new HashMap<>();
        for (Member member : members) {
            java.nio.ByteBuffer data = null;
            if (!member.held.isEmpty() && !isCooperative) {
                data = StickyAssignor.serializeTopicPartitionAssignment(
                    new MemberData(member.held, Optional.of(member.generation)));
            }
            List<TopicPartition> owned = isCooperative ? member.held : Collections.emptyList();
            Subscription subscription = new Subscription(member.topics, data, owned, member.generation,
                Optional.ofNullable(member.rack));
            subscription.setGroupInstanceId(Optional.ofNullable(member.instance));
            subscriptions.put(member.id, subscription);
        }
        // As the base class does it: topics that nobody reads are left out.
        Map<String, List<PartitionInfo>> read = new HashMap<>();
        topics.forEach((topic, partitions) -> {
            if (members.stream().anyMatch(member -> member.topics.contains(topic))) {
                read.put(topic, partitions);
            }
        });
        return assignor.assignPartitions(read, subscriptions);
    }

    private static String show(Map<String, List<PartitionInfo>> topics) {
        return topics.entrySet().stream().map(entry -> entry.getKey() + "=" + entry.getValue().stream()
            .map(info -> info.replicas().length == 0 ? "-" : java.util.Arrays.stream(info.replicas()).map(Node::rack)
                .collect(Collectors.joining("."))).collect(Collectors.joining("|"))).collect(Collectors.joining(" "));
    }

    private static String show(Member member) {
        String who = member.id + "@" + (member.instance == null ? "" : member.instance) + "#"
            + (member.rack == null ? "" : member.rack) + ":" + String.join(",", member.topics);
        return member.held.isEmpty() ? who : who + "~" + member.generation + "~" + show(member.held);
    }

    private static String show(List<Member> members, Map<String, List<TopicPartition>> plan) {
        return members.stream().map(member -> member.id + "=" + show(plan.get(member.id)))
            .collect(Collectors.joining(" "));
    }

    private static String show(List<TopicPartition> partitions) {
        return partitions.stream().sorted(java.util.Comparator.comparing(TopicPartition::topic)
            .thenComparing(TopicPartition::partition)).map(of -> of.topic() + "/" + of.partition())
            .collect(Collectors.joining(","));
    }

    private static int withheld(List<Member> members, Map<String, List<TopicPartition>> plan) {
        return members.stream().mapToInt(member -> (int) member.held.stream()
            .filter(of -> member.topics.contains(of.topic()) && !plan.get(member.id).contains(of)).count()).sum();
    }

    private static int squares(List<Member> members, Map<String, List<TopicPartition>> plan) {
        return members.stream().mapToInt(member -> plan.get(member.id).size()).map(load -> load * load).sum();
    }

    private static int moves(List<Member> members, Map<String, List<TopicPartition>> plan) {
        int moves = 0;
        for (Member member : members) {
            for (TopicPartition partition : plan.get(member.id)) {
                for (Member other : members) {
                    if (other != member && other.held.contains(partition)
                            && other.topics.contains(partition.topic())) {
                        moves++;
                    }
                }
            }
        }
        return moves;
    }
}
