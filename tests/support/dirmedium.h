/*
 * dirmedium: a stick on a simulated disk, and bundles that can be told apart.
 */
#ifndef PB_DIRMEDIUM_H
#define PB_DIRMEDIUM_H

#include "bundle.h"
#include "carrier.h"
#include "err.h"
#include "simdisk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROOT "/media/usb"
#define SELF 0x41c0d2u
#define PEER 0x9b7e55u
#define PEER_DIR ROOT "/pb/00000000009b7e55"
#define OWN(sequence) "/000000000041c0d2-00000000000000" sequence

static inline struct simdisk *stick(void)
{
	struct simdisk *d = simdisk_new(1);
	struct err err = ERR_INIT;

	assert_int_equal(dir_make(simdisk_os(d), ROOT, 0755, &err), 0);
	assert_int_equal(carrier_media_init(simdisk_os(d), ROOT, &err), 0);
	return d;
}

static inline struct carrier *open_as(struct os *os, uint64_t self)
{
	struct carrier *c;
	struct err err = ERR_INIT;

	if (carrier_open(&(struct carrier_place){.os = os, .self = self},
		    "dir:" ROOT, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

/* Parcels that differ by sequence, as one bundle. */
static inline int put(struct os *os, struct carrier *c, uint64_t to,
	uint64_t sequence, struct err *err)
{
	char parcel[3000];
	struct bundle_writer *w;
	struct hash hash;
	uint64_t size;
	int fd, r;

	memset(parcel, (int)sequence, sizeof(parcel));
	r = c->ops->put_begin(c, to, sequence, sizeof(parcel), &fd, err);
	if (r < 0)
		return r;
	r = bundle_writer_open(os, fd, "bundle", &w, err);
	if (r == 0) {
		r = bundle_writer_add(w, parcel, sizeof(parcel), err);
		if (r < 0)
			bundle_writer_abort(w);
		else
			r = bundle_writer_finish(w, &size, &hash, err);
	}
	if (r < 0) {
		c->ops->put_abort(c);
		return r;
	}
	return c->ops->put_commit(c, size, &hash, err);
}

static inline void put_well(
	struct os *os, struct carrier *c, uint64_t to, uint64_t sequence)
{
	struct err err = ERR_INIT;

	if (put(os, c, to, sequence, &err) < 0)
		fail_msg("%s", err.text);
}

static inline struct carrier_list listed(struct carrier *c, uint64_t recipient)
{
	struct carrier_list list;
	struct err err = ERR_INIT;

	if (c->ops->list(c, recipient, &list, &err) < 0)
		fail_msg("%s", err.text);
	return list;
}

/* Every listed bundle opens and holds what was put. */
static inline void assert_whole(
	struct os *os, struct carrier *c, const struct carrier_item *item)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_reader *r;
	struct err err = ERR_INIT;
	int fd;

	if (c->ops->get(c, item, &fd, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(bundle_reader_open(os, fd, "b", &r, &err), 0);
	assert_int_equal(bundle_reader_next(r, &parcel, &err), 1);
	assert_int_equal(parcel.len, 3000);
	assert_int_equal(parcel.data[0], item->sequence & 0xff);
	assert_int_equal(bundle_reader_next(r, &parcel, &err), 0);
	bundle_reader_close(r);
	os->ops->close(os, fd);
}

static inline size_t names_in(struct os *os, const char *dir)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;

	if (os->ops->list(os, dir, &names) < 0)
		return 0;
	while (os_list_next(&names, &at, &entry))
		count++;
	return count;
}

static inline bool exists(struct os *os, const char *path)
{
	struct os_stat st;

	return os->ops->lstat(os, path, &st) == 0;
}

#endif
