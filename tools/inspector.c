/*
 * inspector: `packetboat log FILE...`: our files as text, to read and grep.
 *
 *	segment x.changes account alice log 41c0…/66f1…/INBOX first lsn 1 …
 *	frame at 90 size 26 lsn 17..17 chain 0f32…
 *	  17 2026-11-22T03:04:05.678+1 flags 9d…:12 +S -F
 *
 * What a file is, is told by its first bytes, not by its name. Everything
 * whole is printed before damage is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "err.h"
#include "front.h"
#include "inspect.h"
#include "parcel.h"
#include "peerkeys.h"
#include "segment.h"
#include "vectortext.h"

#define SNIFF_SIZE 512
#define MANIFEST_MAX 4096

/* Print what is in the buffer and empty it. */
static void flush(struct buf *b)
{
	if (b->len)
		fwrite(b->data, 1, b->len, stdout);
	buf_clear(b);
}

static int print_batch(const struct change_context *ctx, const void *data,
	size_t len, const char *indent, struct buf *ret, struct err *err)
{
	struct change_batch batch = {0};
	int rc = change_decode(ctx, data, len, &batch, err);

	for (size_t i = 0; rc == 0 && i < batch.count; i++) {
		buf_add_str(ret, indent);
		change_print(&batch.items[i], ret);
		buf_add_byte(ret, '\n');
		if (ret->len > 65536)
			flush(ret);
	}
	change_batch_free(&batch);
	return rc;
}

static int print_statement(
	const struct frame *frame, struct buf *ret, struct err *err)
{
	struct statement st = {0};
	int rc = statement_decode(
		frame->payload.data, frame->payload.len, &st, err);

	if (rc < 0)
		return rc;
	buf_add_str(ret, "  ");
	statement_print(&st, ret);
	buf_add_byte(ret, '\n');
	statement_free(&st);
	return 0;
}

/* A payload that cannot be read does not hide the frames behind it: it is
   told in its place, and its error kept if it is the first. */
static void print_frame(const struct segment_header *h,
	const struct frame *frame, struct buf *ret, struct err *first)
{
	struct change_context ctx = {.log = h->log,
		.first_lsn = frame->first_lsn,
		.base_ms = frame->base_ms};
	struct err err = ERR_INIT;
	int rc;

	buf_printf(
		ret, "frame at %" PRId64 " size %u ", frame->at, frame->size);
	if (frame->count)
		buf_printf(ret, "lsn %" PRIu64 "..%" PRIu64, frame->first_lsn,
			frame->first_lsn + frame->count - 1);
	else
		buf_add_str(ret, "statement");
	buf_printf(ret, " chain %016" PRIx64 "\n", frame->chain);
	if (frame->kind == FRAME_STATEMENT)
		rc = print_statement(frame, ret, &err);
	else
		rc = print_batch(&ctx, frame->payload.data, frame->payload.len,
			"  ", ret, &err);
	if (rc < 0) {
		buf_printf(ret, "  damaged: %s\n", err.text);
		err_wrap(&err, "frame at %" PRId64, frame->at);
		if (first->code == ERR_NONE)
			*first = err;
	}
	flush(ret);
}

static int print_segment(const char *path, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct segment_reader r;
	struct frame frame = {0};
	struct err first = ERR_INIT;
	int rc = segment_reader_open(&r, os_real(), path, -1, err);

	if (rc < 0)
		return rc;
	buf_printf(&text, "segment %s account %s log ", path, r.header.account);
	vector_print_log(&r.header.log, &text);
	buf_printf(&text,
		" first lsn %" PRIu64 " base %" PRIu64
		" chain before %016" PRIx64 " features %" PRIx32 "/%" PRIx32
		"\n",
		r.header.first_lsn, r.header.base_ms, r.header.chain_before,
		r.header.required, r.header.optional);
	flush(&text);
	while ((rc = segment_reader_next(&r, &frame, err)) > 0)
		print_frame(&r.header, &frame, &text, &first);
	frame_free(&frame);
	segment_reader_close(&r);
	if (rc == 0 && first.code != ERR_NONE) {
		*err = first;
		rc = err_wrap(err, "%s", path);
	}
	return rc;
}

/* ---- parcels and bundles ---- */

/* Our keys, where there is a configuration and an init; else none. */
struct ring {
	struct key_pair self, former;
	struct key_public *peers;
	size_t peer_count;
	bool there;
};

static void add_peer(
	const struct config *c, const struct config_peer *p, struct ring *ring)
{
	struct key_public key;
	struct peerkeys said;
	struct keyring keys;

	if (key_parse(p->key, &key, NULL) < 0 ||
		peerkeys_load(os_real(), c->state, key.origin, &said, NULL) < 0)
		return;
	peerkeys_ring(&key, p->follow_key, &said, &keys);
	peerkeys_list(&keys, &ring->peers, &ring->peer_count);
}

static void load_ring(struct front *f, struct ring *ring)
{
	AUTO_FREE char *path = NULL;
	struct config c = {0};

	*ring = (struct ring){0};
	if (key_start(NULL) < 0 || front_config(f, &c, NULL) < 0)
		return;
	path = mem_printf("%s/key", c.state);
	ring->there = key_load_both(os_real(), path, &ring->self, &ring->former,
			      NULL) >= 0;
	for (size_t i = 0; i < c.peer_count; i++)
		add_peer(&c, &c.peers[i], ring);
	config_free(&c);
}

static void free_ring(struct ring *ring)
{
	key_wipe(&ring->self);
	key_wipe(&ring->former);
	free(ring->peers);
}

/* inspect_keys.changes */
static void print_parcel_changes(
	void *ctx, const struct parcel_changes *c, struct buf *ret)
{
	struct change_context context = {.log = c->from.log,
		.first_lsn = c->first_lsn,
		.base_ms = c->base_ms};
	struct err err = ERR_INIT;
	int *failed = ctx;

	if (print_batch(&context, c->payload, c->len, "    ", ret, &err) < 0) {
		buf_printf(ret, "    damaged: %s\n", err.text);
		*failed = err.code;
	}
}

static int print_parcel(
	const char *path, const struct inspect_keys *keys, struct err *err)
{
	AUTO_BUF struct buf data = BUF_INIT, text = BUF_INIT;
	struct parcel_header header;
	int rc = file_read(os_real(), path, PARCEL_SEALED_MAX, &data, err);

	if (rc == 0)
		rc = parcel_peek(data.data, data.len, &header, err);
	if (rc < 0)
		return err_wrap(err, "%s", path);
	if (keys)
		parcel_print_open(data.data, data.len, keys, &text);
	else
		parcel_print(data.data, data.len, &text);
	flush(&text);
	return 0;
}

static int print_bundle(
	const char *path, const struct inspect_keys *keys, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct os *os = os_real();
	int fd = os->ops->open(os, path, O_RDONLY, 0), rc;

	if (fd < 0)
		return err_set_os(err, -fd, "%s", path);
	printf("bundle %s\n", path);
	rc = bundle_print(os, fd, path, keys, &text, err);
	flush(&text);
	os->ops->close(os, fd);
	return rc;
}

static int print_sealed(
	struct front *f, const char *path, bool bundle, struct err *err)
{
	struct ring ring;
	int failed = 0, rc;
	struct inspect_keys keys = {
		.changes = print_parcel_changes, .ctx = &failed};

	load_ring(f, &ring);
	keys.self = &ring.self;
	keys.former = &ring.former;
	keys.peers = ring.peers;
	keys.peer_count = ring.peer_count;
	rc = (bundle ? print_bundle : print_parcel)(
		path, ring.there ? &keys : NULL, err);
	free_ring(&ring);
	if (rc == 0 && failed)
		rc = err_set(err, failed, "%s: damaged changes", path);
	return rc;
}

/* ---- what a file is ---- */

enum file_kind {
	FILE_UNKNOWN,
	FILE_EMPTY,
	FILE_SEGMENT,
	FILE_PARCEL,
	FILE_BUNDLE,
	FILE_STATE
};

static enum file_kind sniff(const uint8_t *head, size_t len)
{
	static const char state[] = "SQLite format 3";

	if (len == 0)
		return FILE_EMPTY;
	if (len > 4 && memmem(head, 16, "PBS", 3))
		return FILE_SEGMENT; /* also one that a transfer mangled */
	if (len > 3 &&
		(memcmp(head, "PBP", 3) == 0 || memcmp(head, "PBS", 3) == 0))
		return FILE_PARCEL;
	if (len > 262 && memcmp(head + 257, "ustar", 5) == 0)
		return FILE_BUNDLE;
	if (len > sizeof(state) && memcmp(head, state, sizeof(state)) == 0)
		return FILE_STATE;
	return FILE_UNKNOWN;
}

static int print_file(struct front *f, const char *path, struct err *err)
{
	uint8_t head[SNIFF_SIZE] = {0};
	struct os *os = os_real();
	ssize_t len;
	int fd = os->ops->open(os, path, O_RDONLY, 0);

	if (fd < 0)
		return err_set_os(err, -fd, "%s", path);
	len = os->ops->pread(os, fd, head, sizeof(head), 0);
	os->ops->close(os, fd);
	if (len < 0)
		return err_set_os(err, (int)-len, "%s", path);
	switch (sniff(head, (size_t)len)) {
	case FILE_SEGMENT:
		return print_segment(path, err);
	case FILE_PARCEL:
		return print_sealed(f, path, false, err);
	case FILE_BUNDLE:
		return print_sealed(f, path, true, err);
	case FILE_STATE:
		return err_set(err, ERR_USAGE,
			"%s: a replica state (packetboat check verifies it)",
			path);
	case FILE_EMPTY:
		return err_set(err, ERR_TORN, "%s: empty", path);
	default:
		return err_set(err, ERR_CORRUPT,
			"%s: neither a segment nor a parcel nor a bundle",
			path);
	}
}

int command_log(struct front *f, int argc, char **argv)
{
	int code = EXIT_DONE;

	if (argc < 2)
		return front_usage(f, argv[0]);
	for (int i = 1; i < argc; i++) {
		struct err err = ERR_INIT;

		if (print_file(f, argv[i], &err) == 0)
			continue;
		fflush(stdout);
		log_err(&f->log, &err);
		code = exit_worse(code,
			err.code == ERR_USAGE ? EXIT_WRONG_USAGE : EXIT_FAILED);
	}
	return code;
}
