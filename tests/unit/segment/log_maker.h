/*
 * log_maker: logs for the tests of lib/segment.
 *
 * What a frame holds follows from its first lsn alone, so that a test can say
 * of any frame it reads whether that is the one that was written, however
 * often writing was interrupted and begun again.
 */
#ifndef PB_LOG_MAKER_H
#define PB_LOG_MAKER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "err.h"
#include "segment.h"

#define LOG_DIR "/state/log/alice/inbox"
#define LOG_INCARNATION 0x00f1e2d3c4b5a697u
#define LOG_NOW_MS 1700000000123u

static inline struct segment_header log_maker_header(void)
{
	return (struct segment_header){
		.log = {.origin = 0x1122334455667788u,
			.incarnation = LOG_INCARNATION,
			.folder = ID_INBOX},
		.account = "alice@example.org",
	};
}

static inline uint32_t log_maker_count(uint64_t first_lsn)
{
	return (uint32_t)(1 + first_lsn % 3);
}

/* Every third payload is one that zstd makes smaller. */
static inline size_t log_maker_payload(uint64_t first_lsn, uint8_t ret[256])
{
	size_t len = 15 + first_lsn * 37 % 200;
	uint64_t x = first_lsn * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		ret[i] = (uint8_t)(first_lsn % 3 ? x : 'a' + first_lsn % 8);
	}
	return len;
}

/* A statement speaks of the next lsn. */
static inline size_t log_maker_statement(uint64_t next_lsn, uint8_t ret[256])
{
	return (size_t)snprintf((char *)ret, 256, "statement before %llu",
		(unsigned long long)next_lsn);
}

static inline int log_maker_append(struct log_writer *w, struct err *err)
{
	uint8_t payload[256];
	uint64_t lsn = w->end.lsn + 1;
	size_t len = log_maker_payload(lsn, payload);

	return log_writer_append(
		w, FRAME_CHANGES, log_maker_count(lsn), payload, len, err);
}

static inline int log_maker_state(struct log_writer *w, struct err *err)
{
	uint8_t payload[256];
	size_t len = log_maker_statement(w->end.lsn + 1, payload);

	return log_writer_append(w, FRAME_STATEMENT, 0, payload, len, err);
}

static inline void log_maker_check_frame(const struct frame *frame)
{
	uint8_t payload[256];
	size_t len;

	if (frame->kind == FRAME_STATEMENT) {
		assert_int_equal(frame->count, 0);
		len = log_maker_statement(frame->first_lsn, payload);
	} else {
		assert_int_equal(
			frame->count, log_maker_count(frame->first_lsn));
		len = log_maker_payload(frame->first_lsn, payload);
	}
	assert_int_equal(frame->payload.len, len);
	assert_memory_equal(frame->payload.data, payload, len);
}

/* What fails says why. */
#define assert_ok(expr, err)                                                   \
	do {                                                                   \
		int ok_ = (expr);                                              \
                                                                               \
		if (ok_ < 0)                                                   \
			fail_msg("%s: %d: %s", #expr, ok_, (err).text);        \
	} while (0)

#define assert_says(err, words)                                                \
	do {                                                                   \
		if (!strstr((err).text, (words)))                              \
			fail_msg("\"%s\" does not say \"%s\"", (err).text,     \
				(words));                                      \
	} while (0)

/*
 * Read from from_lsn: every frame is as written, none is missing. Returns how
 * many frames there were.
 */
static inline size_t log_maker_check(
	struct os *os, const struct log_end *end, uint64_t from_lsn)
{
	struct err err = ERR_INIT;
	struct frame frame = {0};
	struct log_reader r;
	uint64_t next = 0;
	size_t count = 0;
	int rc;

	assert_ok(log_reader_open(&r, os, LOG_DIR, LOG_INCARNATION, end,
			  from_lsn, &err),
		err);
	while ((rc = log_reader_next(&r, &frame, &err)) > 0) {
		if (count++ == 0)
			assert_true(frame.first_lsn <= from_lsn);
		else
			assert_int_equal(frame.first_lsn, next);
		next = frame.first_lsn + frame.count;
		log_maker_check_frame(&frame);
	}
	assert_ok(rc, err);
	if (count)
		assert_int_equal(next, end->lsn + 1);
	else
		assert_true(from_lsn > end->lsn);
	frame_free(&frame);
	log_reader_close(&r);
	return count;
}

#endif
