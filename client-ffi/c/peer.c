/*
 * The program of bindings/interop/README.md, on gossiperl.h.
 */
#define _POSIX_C_SOURCE 200809L
#include <gossiperl.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char DIGEST[] = "digest.";

static void fail(const char *what, gossiperl_error *error) {
    gossiperl_bytes message = gossiperl_error_message(error);
    fprintf(stderr, "peer: %s: %.*s\n", what, (int)message.length, (const char *)message.data);
    exit(1);
}

static void die(const char *what) {
    fprintf(stderr, "peer: %s\n", what);
    exit(2);
}

static void *room(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) die("out of memory");
    return memory;
}

static gossiperl_client *connect_as(const char *port, const char *name) {
    const char *key = getenv("GOSSIPERL_KEY");
    if (!key) die("GOSSIPERL_KEY is not set: give the overlay's key");
    gossiperl_options *options = gossiperl_options_new();
    gossiperl_client *client = NULL;
    gossiperl_error *error = NULL;
    if (gossiperl_options_set_port(options, strtoll(port, NULL, 10), &error) ||
        gossiperl_options_set_name(options, (const uint8_t *)name, strlen(name), &error) ||
        gossiperl_options_set_key(options, (const uint8_t *)key, strlen(key), &error) ||
        gossiperl_connect(options, &client, &error))
        fail("cannot connect", error);
    gossiperl_options_free(options);
    return client;
}

static void finish(gossiperl_client *client) {
    gossiperl_error *error = NULL;
    if (gossiperl_close(client, &error)) fail("cannot close", error);
    gossiperl_client_free(client);
}

static int digit(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    die("not hexadecimal");
    return 0;
}

/* Decodes hexadecimal in place; `-` is nothing. */
static gossiperl_bytes decoded(char *text) {
    size_t length = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    for (size_t index = 0; index < length; index++)
        text[index] = (char)(digit(text[2 * index]) << 4 | digit(text[2 * index + 1]));
    gossiperl_bytes bytes = {(const uint8_t *)text, length};
    return bytes;
}

static void put_hex(const uint8_t *data, size_t length) {
    static const char DIGITS[] = "0123456789abcdef";
    if (length == 0) putchar_unlocked('-');
    for (size_t index = 0; index < length; index++) {
        putchar_unlocked(DIGITS[data[index] >> 4]);
        putchar_unlocked(DIGITS[data[index] & 15]);
    }
}

/* Sets the field that ID:KIND:VALUE says. */
static void set_field(gossiperl_digest *digest, char *field) {
    char *rest = NULL;
    char *id_text = strtok_r(field, ":", &rest);
    char *kind = strtok_r(NULL, ":", &rest);
    char *value = strtok_r(NULL, ":", &rest);
    if (!id_text || !kind || !value) die("a field is ID:KIND:VALUE");
    int16_t id = (int16_t)strtol(id_text, NULL, 10);
    gossiperl_result result;
    if (strcmp(kind, "bool") == 0) {
        result = gossiperl_digest_set_bool(digest, id, strcmp(value, "true") == 0);
    } else if (strcmp(kind, "byte") == 0) {
        result = gossiperl_digest_set_byte(digest, id, (int8_t)strtol(value, NULL, 10));
    } else if (strcmp(kind, "i16") == 0) {
        result = gossiperl_digest_set_i16(digest, id, (int16_t)strtol(value, NULL, 10));
    } else if (strcmp(kind, "i32") == 0) {
        result = gossiperl_digest_set_i32(digest, id, (int32_t)strtol(value, NULL, 10));
    } else if (strcmp(kind, "i64") == 0) {
        result = gossiperl_digest_set_i64(digest, id, strtoll(value, NULL, 10));
    } else if (strcmp(kind, "double") == 0) {
        uint64_t bits = strtoull(value, NULL, 16);
        double number;
        memcpy(&number, &bits, sizeof number);
        result = gossiperl_digest_set_double(digest, id, number);
    } else if (strcmp(kind, "string") == 0) {
        gossiperl_bytes bytes = decoded(value);
        result = gossiperl_digest_set_string(digest, id, bytes.data, bytes.length);
    } else {
        die("an unknown kind of field");
        return;
    }
    if (result) die("a field cannot be set");
}

static void publish(gossiperl_client *client) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    long count = 0;
    while ((length = getline(&line, &capacity, stdin)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = '\0';
        char *rest = NULL;
        char *what = strtok_r(line, " ", &rest);
        char *type_text = strtok_r(NULL, " ", &rest);
        char *content = strtok_r(NULL, " ", &rest);
        if (!what || !type_text || !content) die("a message is bytes TYPE PAYLOAD or digest TYPE FIELDS");
        gossiperl_bytes type = decoded(type_text);
        gossiperl_error *error = NULL;
        if (strcmp(what, "digest") == 0) {
            gossiperl_digest *digest = gossiperl_digest_new();
            char *fields = NULL;
            char *field = strcmp(content, "-") == 0 ? NULL : strtok_r(content, ",", &fields);
            for (; field; field = strtok_r(NULL, ",", &fields)) set_field(digest, field);
            gossiperl_bytes payload = gossiperl_digest_bytes(digest);
            if (gossiperl_publish(client, type.data, type.length, payload.data, payload.length, -1, &error))
                fail("cannot publish", error);
            gossiperl_digest_free(digest);
        } else {
            gossiperl_bytes payload = decoded(content);
            if (gossiperl_publish(client, type.data, type.length, payload.data, payload.length, -1, &error))
                fail("cannot publish", error);
        }
        count++;
    }
    free(line);
    printf("done %ld\n", count);
}

static void print_field(const gossiperl_field *field) {
    printf("%d:", field->id);
    switch (field->kind) {
    case GOSSIPERL_FIELD_KIND_BOOL: printf("bool:%s", field->integer ? "true" : "false"); break;
    case GOSSIPERL_FIELD_KIND_BYTE: printf("byte:%" PRId64, field->integer); break;
    case GOSSIPERL_FIELD_KIND_I16: printf("i16:%" PRId64, field->integer); break;
    case GOSSIPERL_FIELD_KIND_I32: printf("i32:%" PRId64, field->integer); break;
    case GOSSIPERL_FIELD_KIND_I64: printf("i64:%" PRId64, field->integer); break;
    case GOSSIPERL_FIELD_KIND_DOUBLE: {
        uint64_t bits;
        memcpy(&bits, &field->number, sizeof bits);
        printf("double:%016" PRIx64, bits);
        break;
    }
    case GOSSIPERL_FIELD_KIND_STRING:
        printf("string:");
        put_hex(field->string.data, field->string.length);
        break;
    }
}

static void print_delivery(const gossiperl_event *event) {
    bool typed = event->name.length >= sizeof DIGEST - 1 && memcmp(event->name.data, DIGEST, sizeof DIGEST - 1) == 0;
    printf(typed ? "digest " : "bytes ");
    put_hex(event->name.data, event->name.length);
    putchar(' ');
    if (typed) {
        gossiperl_digest *digest = NULL;
        gossiperl_error *error = NULL;
        if (gossiperl_digest_read(event->payload.data, event->payload.length, &digest, &error))
            fail("no digest", error);
        size_t length = 0;
        const gossiperl_field *fields = gossiperl_digest_fields(digest, &length);
        if (length == 0) putchar('-');
        for (size_t index = 0; index < length; index++) {
            if (index) putchar(',');
            print_field(&fields[index]);
        }
        gossiperl_digest_free(digest);
    } else {
        put_hex(event->payload.data, event->payload.length);
    }
    putchar('\n');
}

/* Prints deliveries until the client is closed. */
static void *print_all(void *argument) {
    gossiperl_client *client = argument;
    for (;;) {
        gossiperl_events *events = NULL;
        gossiperl_error *error = NULL;
        if (gossiperl_next_events(client, 1024, -1, &events, &error)) fail("cannot read", error);
        if (!events) return NULL;
        size_t length = 0;
        const gossiperl_event *items = gossiperl_events_items(events, &length);
        for (size_t index = 0; index < length; index++)
            if (items[index].kind == GOSSIPERL_EVENT_KIND_DELIVERY) print_delivery(&items[index]);
        gossiperl_events_free(events);
        fflush(stdout);
    }
}

static void receive(gossiperl_client *client) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = getline(&line, &capacity, stdin);
    if (length <= 0) die("no event types");
    if (line[length - 1] == '\n') line[length - 1] = '\0';
    gossiperl_bytes *types = room((size_t)length * sizeof *types);
    size_t count = 0;
    char *rest = NULL;
    for (char *type = strtok_r(line, ",", &rest); type; type = strtok_r(NULL, ",", &rest)) types[count++] = decoded(type);
    gossiperl_error *error = NULL;
    if (gossiperl_subscribe(client, types, count, -1, &error)) fail("cannot subscribe", error);
    free(types);
    puts("ready");
    fflush(stdout);
    pthread_t printer;
    if (pthread_create(&printer, NULL, print_all, client)) die("no thread");
    while (getline(&line, &capacity, stdin) > 0) {
    }
    free(line);
    if (gossiperl_close(client, &error)) fail("cannot close", error);
    pthread_join(printer, NULL);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void told(long messages, double seconds) {
    printf("{\"messages\": %ld, \"seconds\": %.6f}\n", messages, seconds);
}

static void bench_publish(gossiperl_client *client, long count, size_t size) {
    uint8_t *payload = room(size);
    memset(payload, 'x', size);
    gossiperl_error *error = NULL;
    double start = now();
    for (long message = 0; message < count; message++)
        if (gossiperl_send(client, (const uint8_t *)"bench", 5, payload, size, -1, &error)) fail("cannot send", error);
    if (gossiperl_flush(client, -1, &error)) fail("cannot flush", error);
    told(count, now() - start);
    free(payload);
}

static void bench_receive(gossiperl_client *client, long count) {
    gossiperl_error *error = NULL;
    gossiperl_bytes type = {(const uint8_t *)"bench", 5};
    if (gossiperl_subscribe(client, &type, 1, -1, &error)) fail("cannot subscribe", error);
    puts("ready");
    fflush(stdout);
    double start = 0;
    long taken = 0;
    while (taken < count) {
        gossiperl_events *events = NULL;
        if (gossiperl_next_events(client, 1024, -1, &events, &error)) fail("cannot read", error);
        if (!events) die("closed");
        size_t length = 0;
        const gossiperl_event *items = gossiperl_events_items(events, &length);
        for (size_t index = 0; index < length; index++) {
            if (items[index].kind != GOSSIPERL_EVENT_KIND_DELIVERY) continue;
            if (taken++ == 0) start = now();
        }
        gossiperl_events_free(events);
    }
    told(count, now() - start);
}

int main(int count, char **arguments) {
    if (count < 4) die("give publish, receive, bench-publish or bench-receive, PORT, NAME and what belongs to it");
    const char *what = arguments[1];
    gossiperl_client *client = connect_as(arguments[2], arguments[3]);
    if (strcmp(what, "publish") == 0) {
        publish(client);
    } else if (strcmp(what, "receive") == 0) {
        receive(client);
    } else if (strcmp(what, "bench-publish") == 0 && count == 6) {
        bench_publish(client, atol(arguments[4]), (size_t)atol(arguments[5]));
    } else if (strcmp(what, "bench-receive") == 0 && count == 5) {
        bench_receive(client, atol(arguments[4]));
    } else {
        die("give publish, receive, bench-publish or bench-receive, PORT, NAME and what belongs to it");
    }
    fflush(stdout);
    finish(client);
    return 0;
}
