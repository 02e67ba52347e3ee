/*
 * fuzz_bundle: any bytes as a bundle, in memory; as they are, and again with
 * the checksums of tar headers made right, which nothing finds by trying.
 *
 * A bundle that is read to its end has its headers where the format says:
 * its parcels, written again by bundle_writer, stand at the same places.
 *
 * Planted bugs found from the seeds within ten seconds: no check of the size
 * against the cap (memory), of the bytes behind the end, of an entry's type.
 */
#include "../support/tarforge.h"

#include "bundle.h"
#include "err.h"
#include "inspect.h"

#include <stdlib.h>

#define HEADERS_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Reads what is given, in small portions; writes into its own bytes. */
struct memory {
	struct os os;
	const uint8_t *data;
	size_t len;
	struct buf written;
};

static ssize_t give(struct os *os, int fd, void *to, size_t len, int64_t at)
{
	const struct memory *m = (const struct memory *)os;
	size_t n = m->len - (size_t)at;

	(void)fd;
	n = n < 1000 ? n : 1000;
	n = n < len ? n : len;
	if (n)
		memcpy(to, m->data + at, n);
	return (ssize_t)n;
}

static ssize_t take(
	struct os *os, int fd, const void *from, size_t len, int64_t at)
{
	struct memory *m = (struct memory *)os;

	(void)fd;
	require(m->written.len == (size_t)at);
	buf_add(&m->written, from, len);
	return (ssize_t)len;
}

static struct memory memory_of(const uint8_t *data, size_t len)
{
	static const struct os_ops ops = {.pread = give, .pwrite = take};

	return (struct memory){.os = {.ops = &ops}, .data = data, .len = len};
}

/* All parcels into w. Returns what ended it. */
static int copy(struct memory *m, struct bundle_writer *w, struct err *err)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_reader *reader;
	int r = bundle_reader_open(&m->os, 0, "input", &reader, err);

	if (r < 0)
		return r;
	while ((r = bundle_reader_next(reader, &parcel, err)) > 0) {
		require(parcel.len <= m->len);
		require(bundle_writer_add(w, parcel.data, parcel.len, NULL) ==
			0);
	}
	bundle_reader_close(reader);
	return r;
}

/* The size in a header, rounded up to blocks; 0 where it is no number. */
static size_t padded_size(const uint8_t *header)
{
	size_t size = 0;

	for (size_t i = 124; i < 135; i++) {
		if (header[i] < '0' || header[i] > '7')
			return 0;
		size = size * 8 + (size_t)(header[i] - '0');
	}
	return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

/* Where data's parcels are; headers may differ in what does not matter. */
static void same_but_headers(const struct memory *m)
{
	require(m->written.len == m->len);
	for (size_t at = 0; at + 2 * TAR_BLOCK < m->len;) {
		size_t size = padded_size(m->written.data + at);

		require(strcmp((const char *)m->data + at,
				(const char *)m->written.data + at) == 0);
		require(m->data[at + 156] == '0');
		at += TAR_BLOCK + size;
	}
}

static void try_bundle(const uint8_t *data, size_t len)
{
	struct memory m = memory_of(data, len);
	AUTO_BUF struct buf text = BUF_INIT;
	struct bundle_writer *w;
	struct err err = ERR_INIT;
	struct hash hash;
	uint64_t size;
	int r;

	require(bundle_writer_open(&m.os, 0, "copy", &w, NULL) == 0);
	r = copy(&m, w, &err);
	require(bundle_writer_finish(w, &size, &hash, NULL) == 0);
	if (r == 0)
		same_but_headers(&m);
	else
		require(r == err.code && err.text[0] != '\0' &&
			(r == ERR_TORN || r == ERR_CORRUPT || r == ERR_LIMIT));
	buf_free(&m.written);
	require(bundle_print(&m.os, 0, "input", NULL, &text, NULL) == r);
}

static void make_sums_right(uint8_t *data, size_t len)
{
	size_t at = 0;

	for (unsigned i = 0; i < HEADERS_MAX && at + TAR_BLOCK <= len; i++) {
		if (data[at] == 0)
			return;
		tar_sum(data + at);
		at += TAR_BLOCK + padded_size(data + at);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF struct buf right = BUF_INIT;

	try_bundle(data, len);
	buf_add(&right, data, len);
	make_sums_right(right.data, right.len);
	try_bundle(right.data, right.len);
	return 0;
}
