/*
 * A chat: publishes each line of standard input, prints the others' lines and who comes and goes.
 *
 *     cc -std=c11 -o chat chat.c -lgossiperl -lpthread
 *     GOSSIPERL_KEY=... ./chat PORT NAME
 */
#define _POSIX_C_SOURCE 200809L
#include <gossiperl.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char TYPE[] = "chat";

static gossiperl_bytes text(const char *text) {
    gossiperl_bytes bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

/* Ends the program where `error` says so. */
static void check(gossiperl_result result, gossiperl_error *error) {
    if (result == GOSSIPERL_RESULT_OK) return;
    gossiperl_bytes message = gossiperl_error_message(error);
    fprintf(stderr, "chat: %.*s\n", (int)message.length, (const char *)message.data);
    exit(1);
}

/* A line is a digest of who says it and what, in every language; anything else is passed over. */
static void show(gossiperl_bytes payload) {
    gossiperl_digest *said = NULL;
    gossiperl_error *error = NULL;
    if (gossiperl_digest_read(payload.data, payload.length, &said, &error) != GOSSIPERL_RESULT_OK) {
        gossiperl_error_free(error);
        return;
    }
    size_t length = 0;
    const gossiperl_field *fields = gossiperl_digest_fields(said, &length);
    if (length == 2 && fields[0].kind == GOSSIPERL_FIELD_KIND_STRING && fields[1].kind == GOSSIPERL_FIELD_KIND_STRING)
        printf("<%.*s> %.*s\n", (int)fields[0].string.length, (const char *)fields[0].string.data,
               (int)fields[1].string.length, (const char *)fields[1].string.data);
    gossiperl_digest_free(said);
}

static void tell(const gossiperl_event *event) {
    switch (event->kind) {
    case GOSSIPERL_EVENT_KIND_DELIVERY:
        show(event->payload);
        break;
    case GOSSIPERL_EVENT_KIND_MEMBER: {
        const gossiperl_member *member = event->member;
        bool comes = event->change == GOSSIPERL_MEMBER_CHANGE_IN || event->change == GOSSIPERL_MEMBER_CHANGE_REJOIN;
        printf("* %.*s %s\n", (int)member->name.length, (const char *)member->name.data, comes ? "is here" : "is away");
        break;
    }
    case GOSSIPERL_EVENT_KIND_DISCONNECTED:
        printf("* no daemon: %.*s\n", (int)event->payload.length, (const char *)event->payload.data);
        break;
    default:
        break;
    }
}

/* Tells what happens until the client is closed. */
static void *listen(void *argument) {
    gossiperl_client *client = argument;
    for (;;) {
        gossiperl_events *events = NULL;
        gossiperl_error *error = NULL;
        check(gossiperl_next_events(client, 64, -1, &events, &error), error);
        if (!events) return NULL;
        size_t length = 0;
        const gossiperl_event *items = gossiperl_events_items(events, &length);
        for (size_t index = 0; index < length; index++) tell(&items[index]);
        gossiperl_events_free(events);
        fflush(stdout);
    }
}

int main(int count, char **arguments) {
    const char *key = getenv("GOSSIPERL_KEY");
    if (count != 3 || !key) {
        fprintf(stderr, "usage: GOSSIPERL_KEY=KEY chat PORT NAME\n");
        return 2;
    }
    gossiperl_error *error = NULL;
    gossiperl_bytes name = text(arguments[2]);
    gossiperl_options *options = gossiperl_options_new();
    check(gossiperl_options_set_port(options, strtoll(arguments[1], NULL, 10), &error), error);
    check(gossiperl_options_set_name(options, name.data, name.length, &error), error);
    check(gossiperl_options_set_key(options, (const uint8_t *)key, strlen(key), &error), error);
    gossiperl_client *client = NULL;
    check(gossiperl_connect(options, &client, &error), error);
    gossiperl_options_free(options);

    gossiperl_bytes type = text(TYPE);
    check(gossiperl_subscribe(client, &type, 1, -1, &error), error);
    gossiperl_member_list *members = NULL;
    check(gossiperl_watch_members(client, -1, &members, &error), error);
    size_t length = 0;
    const gossiperl_member *items = gossiperl_members_items(members, &length);
    for (size_t index = 0; index < length; index++)
        printf("* %.*s is here\n", (int)items[index].name.length, (const char *)items[index].name.data);
    gossiperl_members_free(members);
    fflush(stdout);
    pthread_t listener;
    if (pthread_create(&listener, NULL, listen, client)) return 1;

    char *line = NULL;
    size_t capacity = 0;
    ssize_t read;
    while ((read = getline(&line, &capacity, stdin)) > 0) {
        if (line[read - 1] == '\n') line[read - 1] = '\0';
        gossiperl_digest *digest = gossiperl_digest_new();
        gossiperl_digest_set_string(digest, 1, name.data, name.length);
        gossiperl_digest_set_string(digest, 2, (const uint8_t *)line, strlen(line));
        gossiperl_bytes said = gossiperl_digest_bytes(digest);
        check(gossiperl_publish(client, type.data, type.length, said.data, said.length, -1, &error), error);
        gossiperl_digest_free(digest);
    }
    free(line);
    check(gossiperl_close(client, &error), error);
    pthread_join(listener, NULL);
    gossiperl_client_free(client);
    return 0;
}
