"""What a group and a transactional producer do and must see; the library is told apart by its adapter only.

An adapter has
  create_topic(bootstrap, topic, partitions)
  Producer(bootstrap, transactional_id): begin, send(topic, partition or None, value), flush, commit, abort,
      send_offsets(member)
  Member(bootstrap, group, topic, protocol): poll() -> values, assigned() -> count, rewind(), close()
A member reads what is committed, commits nothing by itself, and begins at the start of the topic.
"""

import time

KEPT = {f"kept {number}" for number in range(80) if number // 10 % 2 == 0}


def group(library, bootstrap, protocol):
    source, target = f"in-{protocol}", f"out-{protocol}"
    library.create_topic(bootstrap, source, 4)
    library.create_topic(bootstrap, target, 2)
    transactions(library, bootstrap, source)
    rebalance(library, bootstrap, protocol, source)
    copy(library, bootstrap, protocol, source, target)
    print("ok")


def transactions(library, bootstrap, topic):
    """Forty records are committed, forty aborted."""
    producer = library.Producer(bootstrap, f"writer-{topic}")
    for number in range(80):
        kept = number // 10 % 2 == 0
        if number % 10 == 0:
            producer.begin()
        producer.send(topic, number % 4, f"{'kept' if kept else 'lost'} {number}")
        if number % 10 == 9:
            producer.flush()
            producer.commit() if kept else producer.abort()


def rebalance(library, bootstrap, protocol, topic):
    """Two members share four partitions; when one leaves, the other has all."""
    name = f"pair-{protocol}"
    seen = []
    first = library.Member(bootstrap, name, topic, protocol)
    until("one member has all", lambda: first.assigned() == 4, lambda: seen.extend(first.poll()))
    second = library.Member(bootstrap, name, topic, protocol)
    both = lambda: seen.extend(first.poll() + second.poll())
    until("two members share", lambda: first.assigned() == second.assigned() == 2, both)
    second.close()
    until("the last member has all", lambda: first.assigned() == 4, lambda: seen.extend(first.poll()))
    until("all that was committed is read", lambda: KEPT <= set(seen), lambda: seen.extend(first.poll()))
    first.close()
    check(set(seen) == KEPT, f"read more than was committed: {set(seen) - KEPT}")


def copy(library, bootstrap, protocol, source, target):
    """Reads a topic in a group and writes to another, records and offsets in one transaction each.

    The first transaction with records, and every third one after it, is aborted, and its records are read again.
    """
    member = library.Member(bootstrap, f"copy-{protocol}", source, protocol)
    producer = library.Producer(bootstrap, f"copier-{protocol}")
    moved, tries, aborted = 0, 0, 0

    def one():
        nonlocal moved, tries, aborted
        values = member.poll(10)
        if not values:
            return
        producer.begin()
        for value in values:
            producer.send(target, None, value)
        producer.flush()
        producer.send_offsets(member)
        if tries % 3 == 0:
            producer.abort()
            member.rewind()
            aborted += 1
        else:
            producer.commit()
            moved += len(values)
        tries += 1

    until("all is copied", lambda: moved >= len(KEPT), one)
    member.close()
    # The offsets went with the transactions: the next member finds nothing more.
    member = library.Member(bootstrap, f"copy-{protocol}", source, protocol)
    again = []
    until("the next member has all", lambda: member.assigned() == 4, lambda: again.extend(member.poll()))
    for _ in range(5):
        again.extend(member.poll())
    member.close()
    check(not again, f"read again: {again}")
    check(aborted > 0, "nothing was aborted")
    reader = library.Member(bootstrap, f"readers-{protocol}", target, protocol)
    copied = []
    until("all that was copied is read", lambda: len(copied) >= len(KEPT), lambda: copied.extend(reader.poll()))
    copied.extend(reader.poll())
    reader.close()
    check(sorted(copied) == sorted(KEPT), f"copied {moved}, read {len(copied)}: {sorted(copied)}")


def until(what, holds, act):
    end = time.monotonic() + 30
    while not holds():
        check(time.monotonic() < end, f"not in time: {what}")
        act()


def check(holds, what):
    if not holds:
        raise AssertionError(what)
