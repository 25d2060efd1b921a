/*
 * Holds the library against its header, on a daemon: check PORT. Each check that fails says its line; the last line is "N passed, N failed, 0 skipped".
 */
#define _POSIX_C_SOURCE 200809L
#include <gossiperl.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int passed, failed;
static long port;
static const char *key;

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool good, const char *what, int line) {
    if (good) {
        passed++;
    } else {
        failed++;
        printf("check.c:%d: %s\n", line, what);
    }
}

static const uint8_t *bytes(const char *text) {
    return (const uint8_t *)text;
}

static bool same(gossiperl_bytes found, const char *wanted) {
    return found.length == strlen(wanted) && memcmp(found.data, wanted, found.length) == 0;
}

static gossiperl_options *options_of(const char *name) {
    gossiperl_options *options = gossiperl_options_new();
    CHECK(!gossiperl_options_set_port(options, port, NULL));
    CHECK(!gossiperl_options_set_name(options, bytes(name), strlen(name), NULL));
    CHECK(!gossiperl_options_set_key(options, bytes(key), strlen(key), NULL));
    CHECK(!gossiperl_options_set_overlay(options, bytes("here"), 4, NULL));
    return options;
}

static gossiperl_client *connected(const char *name) {
    gossiperl_options *options = options_of(name);
    gossiperl_client *client = NULL;
    gossiperl_error *error = NULL;
    if (gossiperl_connect(options, &client, &error)) {
        gossiperl_bytes message = gossiperl_error_message(error);
        printf("cannot connect: %.*s\n", (int)message.length, (const char *)message.data);
        exit(1);
    }
    gossiperl_options_free(options);
    return client;
}

/* Whether this result came with an error of the same class and a message, which is freed. */
static bool told(gossiperl_result wanted, gossiperl_result found, gossiperl_error **place) {
    gossiperl_error *error = *place;
    bool good = found == wanted && gossiperl_error_result(error) == wanted && gossiperl_error_message(error).length > 0;
    gossiperl_error_free(error);
    return good;
}

static void null_is_an_argument_error(void) {
    gossiperl_client *client = (gossiperl_client *)&client;
    gossiperl_events *events = (gossiperl_events *)&events;
    gossiperl_error *error = NULL;
    size_t length = 7;
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_connect(NULL, &client, &error), &error) && !client);
    CHECK(gossiperl_connect(NULL, NULL, NULL) == GOSSIPERL_RESULT_ARGUMENT);
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_publish(NULL, NULL, 0, NULL, 0, -1, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_next_events(NULL, 1, 0, &events, &error), &error) && !events);
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_options_set_port(NULL, 1, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_flush_async(NULL, 1, NULL, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_close(NULL, &error), &error));
    CHECK(gossiperl_client_state(NULL, NULL, 0, NULL) == GOSSIPERL_STATE_CLOSED);
    CHECK(!gossiperl_events_items(NULL, &length) && length == 0);
    CHECK(!gossiperl_digest_fields(NULL, NULL));
    CHECK(gossiperl_digest_set_i64(NULL, 1, 1) == GOSSIPERL_RESULT_ARGUMENT);
    CHECK(gossiperl_error_result(NULL) == GOSSIPERL_RESULT_OK && !gossiperl_error_message(NULL).data);
    CHECK(!gossiperl_cancel(NULL, 1));
    gossiperl_options_free(NULL);
    gossiperl_client_free(NULL);
    gossiperl_events_free(NULL);
    gossiperl_names_free(NULL);
    gossiperl_members_free(NULL);
    gossiperl_completions_free(NULL);
    gossiperl_queue_free(NULL);
    gossiperl_digest_free(NULL);
    gossiperl_error_free(NULL);
}

static void lengths_that_cannot_be_are_an_argument_error(gossiperl_client *client) {
    gossiperl_error *error = NULL;
    uint8_t byte = 0;
    gossiperl_bytes name = {NULL, 3};
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_publish(client, bytes("a"), 1, &byte, SIZE_MAX, -1, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_publish(client, bytes("a"), 1, NULL, 1, -1, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_publish(client, NULL, 1, NULL, 0, -1, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_publish(client, NULL, 0, NULL, 0, -1, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_subscribe(client, &name, 1, -1, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_subscribe(client, &name, SIZE_MAX / 2, -1, &error), &error));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_subscribe(client, NULL, 0, -1, &error), &error));
    CHECK(gossiperl_publish(client, NULL, 0, NULL, 0, -1, NULL) == GOSSIPERL_RESULT_ARGUMENT);
}

static void a_wrong_option_is_named(void) {
    gossiperl_error *error = NULL;
    gossiperl_client *client = NULL;
    gossiperl_options *options = options_of("wrong");
    CHECK(!gossiperl_options_set_port(options, 65536, &error) && !error);
    CHECK(gossiperl_start(options, &client, &error) == GOSSIPERL_RESULT_OPTION);
    CHECK(same(gossiperl_error_option(error), "port") && !gossiperl_error_has_code(error) && !client);
    gossiperl_error_free(error);
    CHECK(gossiperl_options_set_slow_policy(options, bytes("\xff"), 1, &error) == GOSSIPERL_RESULT_OPTION);
    CHECK(same(gossiperl_error_option(error), "slow_policy"));
    gossiperl_error_free(error);
    for (int count = 0; count < 7; count++) CHECK(!gossiperl_options_add_additional_key(options, bytes("key"), 3, NULL));
    CHECK(told(GOSSIPERL_RESULT_OPTION, gossiperl_options_add_additional_key(options, bytes("key"), 3, &error), &error));
    gossiperl_options_free(options);
}

/* The next event of this kind, in a batch that is to be freed. */
static const gossiperl_event *event_of(gossiperl_client *client, gossiperl_event_kind kind, gossiperl_events **batch) {
    for (;;) {
        size_t length = 0;
        if (gossiperl_next_events(client, 1, 20000, batch, NULL) || !*batch) return NULL;
        const gossiperl_event *items = gossiperl_events_items(*batch, &length);
        if (length == 0) return NULL;
        if (items[0].kind == kind) return &items[0];
        gossiperl_events_free(*batch);
    }
}

static void messages_arrive_as_they_were_published(gossiperl_client *client, gossiperl_client *other) {
    static uint8_t large[60001];
    gossiperl_bytes types[2] = {{bytes("a\xff"), 2}, {bytes("b"), 1}};
    gossiperl_error *error = NULL;
    gossiperl_events *batch = NULL;
    CHECK(!gossiperl_subscribe(client, types, 2, -1, &error) && !error);
    const gossiperl_event *event = event_of(client, GOSSIPERL_EVENT_KIND_SUBSCRIBED, &batch);
    CHECK(event && event->names_length == 2 && same(event->names[0], "a\xff"));
    gossiperl_events_free(batch);
    gossiperl_name_list *names = NULL;
    size_t length = 0;
    CHECK(!gossiperl_subscriptions(client, -1, &names, NULL));
    CHECK(gossiperl_names_items(names, &length) && length == 2);
    gossiperl_names_free(names);

    for (size_t index = 0; index < sizeof large; index++) large[index] = (uint8_t)index;
    CHECK(!gossiperl_publish(other, types[0].data, 2, large, 60000, -1, NULL));
    event = event_of(client, GOSSIPERL_EVENT_KIND_DELIVERY, &batch);
    CHECK(event && event->payload.length == 60000 && memcmp(event->payload.data, large, 60000) == 0);
    CHECK(event && same(event->name, "a\xff") && event->publisher != 0 && !event->envelope_id.data);
    gossiperl_events_free(batch);
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_publish(other, bytes("b"), 1, large, 60001, -1, &error), &error));

    CHECK(!gossiperl_send(other, bytes("b"), 1, NULL, 0, 0, NULL) && !gossiperl_flush(other, -1, NULL));
    event = event_of(client, GOSSIPERL_EVENT_KIND_DELIVERY, &batch);
    CHECK(event && event->payload.length == 0 && same(event->name, "b"));
    gossiperl_events_free(batch);
    CHECK(!gossiperl_next_events(client, 8, 0, &batch, NULL) && batch);
    CHECK(gossiperl_events_items(batch, &length) && length == 0);
    gossiperl_events_free(batch);
}

static void digests_keep_their_fields(void) {
    double nan;
    uint64_t bits = 0x7ff8000000000123, read;
    memcpy(&nan, &bits, sizeof nan);
    gossiperl_digest *digest = gossiperl_digest_new();
    CHECK(!gossiperl_digest_set_bool(digest, 1, true) && !gossiperl_digest_set_byte(digest, 2, INT8_MIN));
    CHECK(!gossiperl_digest_set_i16(digest, 3, INT16_MIN) && !gossiperl_digest_set_i32(digest, 4, INT32_MIN));
    CHECK(!gossiperl_digest_set_i64(digest, -5, INT64_MIN) && !gossiperl_digest_set_double(digest, 6, nan));
    CHECK(!gossiperl_digest_set_string(digest, INT16_MAX, bytes("\xff\0z"), 3));
    gossiperl_bytes payload = gossiperl_digest_bytes(digest);
    gossiperl_digest *copy = NULL;
    gossiperl_error *error = NULL;
    CHECK(!gossiperl_digest_read(payload.data, payload.length, &copy, NULL));
    gossiperl_digest_free(digest);
    size_t length = 0;
    const gossiperl_field *fields = gossiperl_digest_fields(copy, &length);
    CHECK(length == 7 && fields[0].id == -5 && fields[0].integer == INT64_MIN);
    memcpy(&read, &fields[5].number, sizeof read);
    CHECK(fields[5].kind == GOSSIPERL_FIELD_KIND_DOUBLE && read == bits);
    CHECK(fields[6].string.length == 3 && memcmp(fields[6].string.data, "\xff\0z", 3) == 0);
    gossiperl_digest_free(copy);
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_digest_read(bytes("\x0b\0\1\xff"), 4, &copy, &error), &error) && !copy);
}

static void members_are_told(gossiperl_client *client) {
    gossiperl_member_list *members = NULL;
    gossiperl_events *batch = NULL;
    size_t length = 0;
    bool found = false;
    CHECK(!gossiperl_watch_members(client, -1, &members, NULL));
    const gossiperl_member *items = gossiperl_members_items(members, &length);
    for (size_t index = 0; index < length; index++)
        found |= same(items[index].name, "other") && items[index].state == GOSSIPERL_MEMBER_STATE_REACHABLE && items[index].address.length > 0;
    CHECK(found);
    gossiperl_members_free(members);
    gossiperl_client *third = connected("third");
    const gossiperl_event *event = event_of(client, GOSSIPERL_EVENT_KIND_MEMBER, &batch);
    CHECK(event && event->change == GOSSIPERL_MEMBER_CHANGE_IN && same(event->member->name, "third"));
    gossiperl_events_free(batch);
    CHECK(!gossiperl_close(third, NULL));
    gossiperl_client_free(third);
}

static void operations_complete_by_token(void) {
    gossiperl_queue *queue = gossiperl_queue_new();
    gossiperl_options *options = options_of("by token");
    gossiperl_completions *batch = NULL;
    gossiperl_error *error = NULL;
    size_t length = 0;
    CHECK(!gossiperl_connect_async(queue, 1, options, NULL));
    gossiperl_options_free(options);
    CHECK(!gossiperl_completions_next(queue, 8, 20000, &batch, NULL));
    const gossiperl_completion *items = gossiperl_completions_items(batch, &length);
    CHECK(length == 1 && items[0].token == 1 && !items[0].error && items[0].client);
    gossiperl_client *client = gossiperl_completions_take_client(batch, 0);
    CHECK(client && !gossiperl_completions_take_client(batch, 0) && !gossiperl_completions_take_client(batch, 9));
    gossiperl_completions_free(batch);

    for (int64_t token = 2; token < 102; token++) CHECK(!gossiperl_publish_async(queue, token, client, bytes("x"), 1, NULL, 0, NULL));
    CHECK(!gossiperl_publish_async(queue, 102, client, bytes(""), 0, NULL, 0, NULL));
    size_t good = 0, bad = 0;
    while (good + bad < 101) {
        CHECK(!gossiperl_completions_next(queue, 64, 20000, &batch, NULL));
        items = gossiperl_completions_items(batch, &length);
        if (length == 0) break;
        for (size_t index = 0; index < length; index++) {
            if (items[index].result == GOSSIPERL_RESULT_OK) good++;
            if (items[index].result == GOSSIPERL_RESULT_ARGUMENT && gossiperl_error_message(items[index].error).length) bad++;
        }
        gossiperl_completions_free(batch);
    }
    CHECK(good == 100 && bad == 1);

    /* What is not taken is freed with the batch. */
    CHECK(!gossiperl_members_async(queue, 3, client, NULL) && !gossiperl_next_events_async(queue, 4, client, 8, 20000, NULL));
    for (size_t ended = 0; ended < 2; ended += length) {
        if (gossiperl_completions_next(queue, 8, 20000, &batch, NULL)) break;
        gossiperl_completions_items(batch, &length);
        gossiperl_completions_free(batch);
        if (length == 0) break;
    }
    CHECK(length > 0);

    CHECK(!gossiperl_next_events_async(queue, 7, client, 8, -1, NULL));
    CHECK(told(GOSSIPERL_RESULT_ARGUMENT, gossiperl_flush_async(queue, 7, client, &error), &error));
    CHECK(gossiperl_cancel(queue, 7) && !gossiperl_cancel(queue, 7));
    CHECK(!gossiperl_close_async(queue, 8, client, NULL));
    CHECK(!gossiperl_completions_next(queue, 8, 20000, &batch, NULL));
    CHECK(gossiperl_completions_items(batch, &length)->token == 8);
    gossiperl_completions_free(batch);
    CHECK(told(GOSSIPERL_RESULT_CLOSED, gossiperl_publish(client, bytes("x"), 1, NULL, 0, -1, &error), &error));
    gossiperl_client_free(client);
    gossiperl_queue_close(queue);
    CHECK(!gossiperl_completions_next(queue, 8, -1, &batch, NULL) && !batch);
    gossiperl_queue_free(queue);
}

static void *wait_for_the_end(void *argument) {
    gossiperl_client *client = argument;
    for (;;) {
        gossiperl_events *events = NULL;
        if (gossiperl_next_events(client, 8, -1, &events, NULL)) return argument;
        if (!events) return NULL;
        gossiperl_events_free(events);
    }
}

static void closing_ends_a_wait_and_what_follows_is_told(void) {
    gossiperl_error *error = NULL;
    gossiperl_client *client = connected("closing");
    pthread_t waiting;
    void *ended = client;
    gossiperl_member_list *members = NULL;
    CHECK(!pthread_create(&waiting, NULL, wait_for_the_end, client));
    CHECK(!gossiperl_drain(client, -1, NULL) && !gossiperl_close(client, NULL) && !gossiperl_close(client, NULL));
    CHECK(!pthread_join(waiting, &ended) && !ended);
    CHECK(told(GOSSIPERL_RESULT_CLOSED, gossiperl_members(client, -1, &members, &error), &error) && !members);
    CHECK(gossiperl_client_state(client, NULL, 0, NULL) == GOSSIPERL_STATE_CLOSED);
    gossiperl_client_free(client);
}

static void a_timeout_is_told(void) {
    gossiperl_error *error = NULL;
    gossiperl_client *client = NULL;
    gossiperl_options *options = options_of("alone");
    CHECK(!gossiperl_options_set_port(options, 9, NULL));
    CHECK(!gossiperl_start(options, &client, NULL));
    gossiperl_options_free(options);
    CHECK(gossiperl_client_state(client, NULL, 0, NULL) == GOSSIPERL_STATE_CONNECTING);
    CHECK(told(GOSSIPERL_RESULT_TIMEOUT, gossiperl_publish(client, bytes("x"), 1, NULL, 0, 10, &error), &error));
    /* Freed without having been closed. */
    gossiperl_client_free(client);
}

static void a_child_process_has_clients_of_its_own(gossiperl_client *client) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        bool forked = gossiperl_publish(client, bytes("x"), 1, NULL, 0, 1000, NULL) == GOSSIPERL_RESULT_FORKED;
        gossiperl_client *own = connected("child");
        bool published = gossiperl_publish(own, bytes("x"), 1, NULL, 0, 20000, NULL) == GOSSIPERL_RESULT_OK;
        _exit(forked && published ? 0 : 1);
    }
    int status = 1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void names_are_utf16_and_back(void) {
    uint16_t text[8];
    uint8_t name[24];
    size_t length = 0;
    CHECK(!gossiperl_name_to_utf16(bytes("a\xff\xc3\xb6"), 4, text, 8, &length, NULL));
    CHECK(length == 3 && text[0] == 'a' && text[1] == 0xdcff && text[2] == 0xf6);
    CHECK(!gossiperl_name_from_utf16(text, 3, name, sizeof name, &length, NULL));
    CHECK(length == 4 && memcmp(name, "a\xff\xc3\xb6", 4) == 0);
    CHECK(gossiperl_name_from_utf16(text, 3, name, 3, &length, NULL) == GOSSIPERL_RESULT_ARGUMENT && length == 0);
    text[0] = 0xd800;
    CHECK(gossiperl_name_from_utf16(text, 1, name, sizeof name, &length, NULL) == GOSSIPERL_RESULT_ARGUMENT);
}

static long held(const char *folder) {
    DIR *entries = opendir(folder);
    long count = 0;
    while (entries && readdir(entries)) count++;
    if (entries) closedir(entries);
    return count;
}

static void clients_come_and_go_and_leave_nothing(void) {
    char name[32];
    long threads = held("/proc/self/task"), files = held("/proc/self/fd");
    for (int number = 0; number < 1000; number++) {
        snprintf(name, sizeof name, "cycle %d", number);
        gossiperl_client *client = connected(name);
        if (number % 2 == 0 && gossiperl_close(client, NULL)) CHECK(false);
        gossiperl_client_free(client);
    }
    struct timespec moment = {0, 20000000};
    for (int tries = 0; tries < 1000 && held("/proc/self/fd") > files; tries++) nanosleep(&moment, NULL);
    CHECK(held("/proc/self/task") <= threads);
    CHECK(held("/proc/self/fd") <= files);
}

int main(int count, char **arguments) {
    key = getenv("GOSSIPERL_KEY");
    if (count < 2 || !key) {
        fprintf(stderr, "usage: GOSSIPERL_KEY=KEY check PORT [quick]\n");
        return 2;
    }
    port = atol(arguments[1]);
    null_is_an_argument_error();
    a_wrong_option_is_named();
    digests_keep_their_fields();
    names_are_utf16_and_back();
    gossiperl_client *client = connected("check");
    gossiperl_client *other = connected("other");
    CHECK(same(gossiperl_client_name(client), "check") && same(gossiperl_client_overlay(client), "here"));
    uint8_t daemon[4];
    size_t length = 0;
    CHECK(gossiperl_client_state(client, daemon, sizeof daemon, &length) == GOSSIPERL_STATE_CONNECTED && length > 0);
    lengths_that_cannot_be_are_an_argument_error(client);
    messages_arrive_as_they_were_published(client, other);
    members_are_told(client);
    operations_complete_by_token();
    closing_ends_a_wait_and_what_follows_is_told();
    a_timeout_is_told();
    if (count == 2) {
        a_child_process_has_clients_of_its_own(client);
        clients_come_and_go_and_leave_nothing();
    }
    CHECK(!gossiperl_close(other, NULL));
    gossiperl_client_free(other);
    /* The other one is open at the end of the process. */
    if (count > 2) gossiperl_client_free(client);
    printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
