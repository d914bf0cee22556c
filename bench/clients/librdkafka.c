/* librdkafka beside kurier: the same words, the same JSON line (docs/performance.md).
 *
 *   librdkafka produce --topic T --payload FILE --size N --warmup N --count N [--partitions N]
 *   librdkafka consume --topic T --warmup N --count N
 *   librdkafka e2e --topic T --size N --rate R --secs S
 *
 * each with [--bootstrap HOST:PORT] [--tag TEXT] [-X KEY=VALUE]..
 */
#include <errno.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char *mode, *topic, *payload, *bootstrap = "127.0.0.1:9092", *tag = "";
static long size = 100, warmup = 100000, count = 1000000, rate = 10000, secs = 5;
/* Of which the producer chooses one; 0: all records go to partition 0. */
static long partitions;
static rd_kafka_conf_t *settings;
static int64_t delivered, errors;

static void fail(const char *format, ...) {
  va_list words;
  va_start(words, format);
  vfprintf(stderr, format, words);
  va_end(words);
  fputc('\n', stderr);
  _exit(1);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

struct usage {
  uint64_t at_ns;
  double user, system;
  long switches;
};

static struct usage usage_now(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  struct usage usage = {
      .at_ns = now_ns(),
      .user = used.ru_utime.tv_sec + used.ru_utime.tv_usec / 1e6,
      .system = used.ru_stime.tv_sec + used.ru_stime.tv_usec / 1e6,
      .switches = used.ru_nvcsw + used.ru_nivcsw,
  };
  return usage;
}

/* Not ru_maxrss, which begins with that of whoever has started this process. */
static double peak_mib(void) {
  char line[256];
  long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
  if (status) fclose(status);
  return kib / 1024.0;
}

static void print_window(struct usage opened, struct usage closed, int64_t records, double bytes) {
  double seconds = (closed.at_ns - opened.at_ns) / 1e9;
  double user = closed.user - opened.user, system = closed.system - opened.system;
  printf("{\"client\":\"librdkafka %s\",\"mode\":\"%s\"", rd_kafka_version_str(), mode);
  printf(",\"topic\":\"%s\",\"tag\":\"%s\"", topic, tag);
  printf(",\"size\":%.0f,\"records\":%" PRId64 ",\"secs\":%.3f", bytes / records, records, seconds);
  printf(",\"rec_s\":%.0f,\"MB_s\":%.1f", records / seconds, bytes / 1e6 / seconds);
  printf(",\"cpu_ns_rec\":%.0f,\"user_ns_rec\":%.0f,\"sys_ns_rec\":%.0f", (user + system) * 1e9 / records,
         user * 1e9 / records, system * 1e9 / records);
  printf(",\"cpu_util\":%.2f,\"ctxsw_per_k\":%.2f", (user + system) / seconds,
         (closed.switches - opened.switches) * 1000.0 / records);
  printf(",\"rss_mb\":%.1f,\"errors\":%" PRId64 "}\n", peak_mib(), errors);
  fflush(stdout);
}

static void set(rd_kafka_conf_t *into, const char *name, const char *value) {
  char why[512];
  if (rd_kafka_conf_set(into, name, value, why, sizeof why)) fail("%s", why);
}

static rd_kafka_t *client(rd_kafka_type_t kind, rd_kafka_conf_t *with) {
  char why[512];
  rd_kafka_t *made = rd_kafka_new(kind, with, why, sizeof why);
  if (!made) fail("%s", why);
  return made;
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
  (void)producer;
  (void)opaque;
  if (message->err && !errors++) fprintf(stderr, "delivery: %s\n", rd_kafka_err2str(message->err));
  delivered++;
}

static char *read_payload(long *values) {
  FILE *file = fopen(payload, "rb");
  if (!file) fail("%s: %s", payload, strerror(errno));
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  char *bytes = malloc(length);
  if (!bytes || fread(bytes, 1, length, file) != (size_t)length) fail("%s cannot be read", payload);
  fclose(file);
  *values = length / size;
  if (!*values) fail("%s has less than %ld bytes", payload, size);
  return bytes;
}

static void produce(void) {
  long values, total = warmup + count;
  char *bytes = read_payload(&values);
  rd_kafka_conf_set_dr_msg_cb(settings, on_delivery);
  rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, settings);
  rd_kafka_topic_t *to = rd_kafka_topic_new(producer, topic, NULL);
  int32_t partition = partitions ? RD_KAFKA_PARTITION_UA : 0;
  struct usage opened = usage_now();
  for (long i = 0; i < total; i++) {
    if (i == warmup) {
      while (delivered < warmup) rd_kafka_poll(producer, 100);
      opened = usage_now();
    }
    char *value = bytes + i % values * size;
    while (rd_kafka_produce(to, partition, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, NULL) == -1) {
      rd_kafka_resp_err_t error = rd_kafka_last_error();
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail("produce: %s", rd_kafka_err2str(error));
      rd_kafka_poll(producer, 10);
    }
    if ((i & 255) == 0) rd_kafka_poll(producer, 0);
  }
  while (delivered < total) rd_kafka_poll(producer, 100);
  print_window(opened, usage_now(), count, (double)count * size);
  _exit(errors != 0);
}

/* Of partition 0 alone, from `offset` on. */
static rd_kafka_t *consumer_from(int64_t offset, rd_kafka_conf_t *with) {
  set(with, "group.id", "bench");
  set(with, "enable.auto.commit", "false");
  set(with, "auto.offset.reset", "latest");
  rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, with);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t *assigned = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(assigned, topic, 0)->offset = offset;
  rd_kafka_assign(consumer, assigned);
  rd_kafka_topic_partition_list_destroy(assigned);
  return consumer;
}

/* By batches, which is what librdkafka does at the least cost. */
static void consume(void) {
  rd_kafka_t *consumer = consumer_from(0, settings);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
  rd_kafka_message_t *messages[1000];
  int64_t records = 0, before = 0, next = 0;
  double bytes = 0;
  struct usage opened = {0};
  while (records < warmup + count) {
    ssize_t found = rd_kafka_consume_batch_queue(queue, 1000, messages, 1000);
    for (ssize_t i = 0; i < found; i++) {
      rd_kafka_message_t *message = messages[i];
      if (message->err) fail("consume: %s", rd_kafka_message_errstr(message));
      errors += message->offset != next;
      next = message->offset + 1;
      records++;
      bytes += message->len;
      rd_kafka_message_destroy(message);
    }
    if (!before && records >= warmup) {
      opened = usage_now();
      before = records;
      bytes = 0;
    }
  }
  print_window(opened, usage_now(), records - before, bytes);
  _exit(errors != 0);
}

static rd_kafka_t *receiver;
static uint64_t *latencies;
static volatile long received, wanted;
static volatile int is_over;

static void *receive(void *unused) {
  (void)unused;
  while (!is_over) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(receiver, 100);
    if (!message) continue;
    uint64_t sent = 0;
    if (message->err)
      errors++;
    else if (message->len >= sizeof sent)
      memcpy(&sent, message->payload, sizeof sent);
    /* Those of the warm-up say 0. */
    if (sent && received < wanted) latencies[received++] = now_ns() - sent;
    rd_kafka_message_destroy(message);
  }
  return NULL;
}

static int compare(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

static double micros_at(double part) { return received ? latencies[(long)((received - 1) * part)] / 1e3 : -1; }

/* The time in a record is when it was to be sent: what holds it up is counted. */
static void e2e(void) {
  long before = 2 * rate;
  wanted = rate * secs;
  latencies = calloc(wanted, sizeof *latencies);
  char *value = calloc(1, size);
  rd_kafka_conf_t *consumers = rd_kafka_conf_dup(settings);
  rd_kafka_conf_set_dr_msg_cb(settings, on_delivery);
  receiver = consumer_from(RD_KAFKA_OFFSET_END, consumers);
  rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, settings);
  rd_kafka_topic_t *to = rd_kafka_topic_new(producer, topic, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, receive, NULL);
  usleep(1500000);
  struct usage opened = usage_now();
  uint64_t begin = now_ns();
  for (long sent = 0; sent < before + wanted;) {
    uint64_t due = begin + (uint64_t)(sent * 1e9 / rate), now = now_ns();
    if (now < due) {
      rd_kafka_poll(producer, 0);
      uint64_t left = due - now > 1000000 ? 1000000 : due - now;
      nanosleep(&(struct timespec){0, left}, NULL);
      continue;
    }
    if (sent == before) opened = usage_now();
    uint64_t stamp = sent < before ? 0 : due;
    memcpy(value, &stamp, sizeof stamp);
    if (rd_kafka_produce(to, 0, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, NULL) == -1)
      rd_kafka_poll(producer, 1);
    else
      sent++;
  }
  struct usage closed = usage_now();
  rd_kafka_flush(producer, 5000);
  for (int i = 0; i < 30 && received < wanted; i++) usleep(100000);
  is_over = 1;
  pthread_join(thread, NULL);
  qsort(latencies, received, sizeof *latencies, compare);
  double cpu = closed.user + closed.system - opened.user - opened.system;
  printf("{\"client\":\"librdkafka %s\",\"mode\":\"e2e\",\"tag\":\"%s\"", rd_kafka_version_str(), tag);
  printf(",\"size\":%ld,\"rate\":%ld", size, rate);
  printf(",\"sent\":%ld,\"received\":%ld,\"p50_us\":%.0f,\"p90_us\":%.0f,\"p99_us\":%.0f", wanted, received,
         micros_at(0.5), micros_at(0.9), micros_at(0.99));
  printf(",\"p999_us\":%.0f,\"max_us\":%.0f,\"cpu_ns_rec\":%.0f", micros_at(0.999), micros_at(1), cpu * 1e9 / wanted);
  printf(",\"rss_mb\":%.1f,\"errors\":%" PRId64 "}\n", peak_mib(), errors);
  fflush(stdout);
  _exit(errors != 0);
}

static void set_pair(char *pair) {
  char *equals = strchr(pair, '=');
  if (!equals) fail("-X %s: write KEY=VALUE", pair);
  *equals = 0;
  set(settings, pair, equals + 1);
}

static void take(const char *name, char *value) {
  struct {
    const char *name;
    const char **text;
    long *number;
  } options[] = {
      {"--topic", &topic, NULL},       {"--payload", &payload, NULL},     {"--bootstrap", &bootstrap, NULL},
      {"--tag", &tag, NULL},           {"--size", NULL, &size},           {"--warmup", NULL, &warmup},
      {"--count", NULL, &count},       {"--rate", NULL, &rate},           {"--secs", NULL, &secs},
      {"--partitions", NULL, &partitions},
  };
  if (!strcmp(name, "-X")) return set_pair(value);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    if (strcmp(name, options[i].name)) continue;
    if (options[i].text) *options[i].text = value;
    if (options[i].number) *options[i].number = atol(value);
    return;
  }
  fail("%s is no option", name);
}

int main(int argc, char **argv) {
  if (argc < 2 || argc % 2) fail("librdkafka produce|consume|e2e [OPTION VALUE]..");
  mode = argv[1];
  settings = rd_kafka_conf_new();
  for (int i = 2; i < argc; i += 2) take(argv[i], argv[i + 1]);
  if (!topic || size < 8) fail("--topic is missing, or --size is less than 8");
  set(settings, "bootstrap.servers", bootstrap);
  if (!strcmp(mode, "produce")) produce();
  if (!strcmp(mode, "consume")) consume();
  if (!strcmp(mode, "e2e")) e2e();
  fail("%s is none of produce, consume, e2e", mode);
}
