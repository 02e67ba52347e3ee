#include "simmedium.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "simtree.h"

#define OUT "/mail/bundle.out"
#define IN "/mail/bundle.in"

struct sim_carrier {
	struct carrier carrier;
	struct sim_medium *medium;
	struct simdisk *disk;
	struct os *os;
	uint64_t self;
	int fd; /* of the put under way; -1 */
	struct carrier_item put;
};

static struct sim_carrier *of(struct carrier *c)
{
	return (struct sim_carrier *)c;
}

/* ---- bundles ---- */

static int compare(const struct carrier_item *a, const struct carrier_item *b)
{
	if (a->sender != b->sender)
		return a->sender < b->sender ? -1 : 1;
	if (a->recipient != b->recipient)
		return a->recipient < b->recipient ? -1 : 1;
	return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static struct sim_bundle copy_of(const struct sim_bundle *b)
{
	struct sim_bundle c = *b;

	c.data = (uint8_t *)mem_dup_n((const char *)b->data, b->item.size);
	return c;
}

static void drop(struct sim_medium *m, size_t i)
{
	free(m->bundles[i].data);
	m->count--;
	memmove(m->bundles + i, m->bundles + i + 1,
		(m->count - i) * sizeof(*m->bundles));
}

/* Replaces one of the same name. */
static void add(struct sim_medium *m, const struct sim_bundle *b)
{
	struct sim_bundle c = copy_of(b);
	size_t i = 0;

	while (i < m->count && compare(&m->bundles[i].item, &b->item) < 0)
		i++;
	if (i < m->count && compare(&m->bundles[i].item, &b->item) == 0)
		drop(m, i);
	m->bundles = mem_grow(m->bundles, m->count + 1, sizeof(*m->bundles));
	memmove(m->bundles + i + 1, m->bundles + i,
		(m->count++ - i) * sizeof(*m->bundles));
	m->bundles[i] = c;
}

bool sim_medium_lose(struct sim_medium *m, size_t index)
{
	if (!m->count)
		return false;
	drop(m, index % m->count);
	return true;
}

bool sim_medium_again(struct sim_medium *m, size_t ever_index)
{
	if (!m->ever_count)
		return false;
	add(m, &m->ever[ever_index % m->ever_count]);
	return true;
}

bool sim_medium_damage(struct sim_medium *m, size_t index, uint64_t seed)
{
	struct sim_bundle *b;

	if (!m->count)
		return false;
	b = &m->bundles[index % m->count];
	b->data[sim_below(&seed, b->item.size)] ^=
		(uint8_t)(1u << sim_below(&seed, 8));
	return true;
}

void sim_medium_release(struct sim_medium *m)
{
	while (m->count)
		drop(m, m->count - 1);
	while (m->ever_count)
		free(m->ever[--m->ever_count].data);
	free(m->bundles);
	free(m->ever);
	*m = (struct sim_medium){0};
}

/* ---- the carrier ---- */

static void sim_close(struct carrier *c)
{
	if (of(c)->fd >= 0)
		of(c)->os->ops->close(of(c)->os, of(c)->fd);
	free(c);
}

static struct id128 sim_id(struct carrier *c)
{
	return of(c)->medium->id;
}

static bool sim_read_only(struct carrier *c)
{
	(void)c;
	return false;
}

static int sim_list(struct carrier *c, uint64_t recipient,
	struct carrier_list *ret, struct err *err)
{
	const struct sim_medium *m = of(c)->medium;

	*ret = (struct carrier_list){0};
	if (simdisk_stopped(of(c)->disk))
		return err_set(err, ERR_IO, "stopped");
	ret->items = mem_array(m->count + 1, sizeof(*ret->items));
	for (size_t i = 0; i < m->count; i++)
		if (m->bundles[i].item.recipient == recipient)
			ret->items[ret->count++] = m->bundles[i].item;
	return 0;
}

static int sim_put_begin(struct carrier *c, uint64_t recipient,
	uint64_t sequence, uint64_t expect, int *ret_fd, struct err *err)
{
	struct sim_carrier *s = of(c);
	int fd;

	(void)expect;
	s->put = (struct carrier_item){.sender = s->self,
		.recipient = recipient,
		.sequence = sequence};
	for (size_t i = 0; i < s->medium->count; i++)
		if (compare(&s->medium->bundles[i].item, &s->put) == 0)
			return err_set(err, ERR_CONFLICT, "lies there");
	fd = s->os->ops->open(s->os, OUT, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return err_set_os(err, -fd, OUT);
	*ret_fd = s->fd = fd;
	return 0;
}

static void end_put(struct sim_carrier *s)
{
	if (s->fd >= 0)
		s->os->ops->close(s->os, s->fd);
	s->fd = -1;
}

static void keep_ever(struct sim_medium *m, const struct sim_bundle *b)
{
	m->ever = mem_grow(m->ever, m->ever_count + 1, sizeof(*m->ever));
	m->ever[m->ever_count++] = *b;
}

static int sim_put_commit(struct carrier *c, uint64_t size,
	const struct hash *hash, struct err *err)
{
	struct sim_carrier *s = of(c);
	struct sim_bundle b = {.item = s->put};
	int rc;

	b.item.size = size;
	b.item.hash = *hash;
	b.data = mem_alloc(size + 1);
	rc = os_read_all(s->os, s->fd, b.data, size, 0, OUT, err);
	if (rc >= 0 && (rc = s->os->ops->fsync(s->os, s->fd)) < 0)
		rc = err_set_os(err, -rc, OUT);
	if (rc >= 0) {
		add(s->medium, &b);
		/* It lies there whole: who dies now does not know it. */
		rc = s->os->ops->fsync(s->os, s->fd);
		if (rc < 0)
			rc = err_set_os(err, -rc, OUT);
		if (rc < 0 && !simdisk_stopped(s->disk)) {
			for (size_t i = 0; i < s->medium->count; i++)
				if (compare(&s->medium->bundles[i].item,
					    &b.item) == 0)
					drop(s->medium, i);
		} else {
			keep_ever(s->medium, &b);
			b.data = NULL;
		}
	}
	free(b.data);
	end_put(s);
	return rc;
}

static void sim_put_abort(struct carrier *c)
{
	end_put(of(c));
}

static const struct sim_bundle *find(
	const struct sim_carrier *s, const struct carrier_item *item)
{
	for (size_t i = 0; i < s->medium->count; i++)
		if (compare(&s->medium->bundles[i].item, item) == 0)
			return &s->medium->bundles[i];
	return NULL;
}

static int sim_get(struct carrier *c, const struct carrier_item *item,
	int *ret_fd, struct err *err)
{
	struct sim_carrier *s = of(c);
	const struct sim_bundle *b = find(s, item);
	struct hash hash;
	int fd;

	if (simdisk_stopped(s->disk))
		return err_set(err, ERR_IO, "stopped");
	if (!b)
		return err_set(err, ERR_ABSENT, "it is gone");
	hash = hash_of(b->data, b->item.size);
	if (memcmp(&hash, &b->item.hash, sizeof(hash)))
		return err_set(err, ERR_CORRUPT, "not as its manifest says");
	simdisk_put(s->disk, IN, b->data, b->item.size);
	fd = s->os->ops->open(s->os, IN, O_RDONLY, 0);
	if (fd < 0)
		return err_set_os(err, -fd, IN);
	*ret_fd = fd;
	return 0;
}

static int sim_tidy(struct carrier *c, uint64_t recipient, struct err *err)
{
	(void)c;
	(void)recipient;
	(void)err;
	return 0;
}

static int sim_remove(
	struct carrier *c, const struct carrier_item *item, struct err *err)
{
	struct sim_carrier *s = of(c);
	int fd, rc;

	fd = s->os->ops->open(s->os, OUT, O_RDWR | O_CREAT, 0600);
	rc = fd < 0 ? fd : s->os->ops->fsync(s->os, fd);
	if (fd >= 0)
		s->os->ops->close(s->os, fd);
	if (rc < 0)
		return err_set_os(err, -rc, "remove a bundle");
	for (size_t i = 0; i < s->medium->count; i++)
		if (compare(&s->medium->bundles[i].item, item) == 0) {
			drop(s->medium, i);
			return 0;
		}
	return err_set(err, ERR_ABSENT, "it is gone");
}

struct carrier *sim_medium_carrier(
	struct sim_medium *m, struct simdisk *disk, uint64_t self)
{
	static const struct carrier_ops ops = {
		.scheme = "sim",
		.close = sim_close,
		.medium = sim_id,
		.read_only = sim_read_only,
		.list = sim_list,
		.put_begin = sim_put_begin,
		.put_commit = sim_put_commit,
		.put_abort = sim_put_abort,
		.get = sim_get,
		.tidy = sim_tidy,
		.remove = sim_remove,
	};
	struct sim_carrier *c = mem_alloc(sizeof(*c));

	c->carrier.ops = &ops;
	c->medium = m;
	c->disk = disk;
	c->os = simdisk_os(disk);
	c->self = self;
	c->fd = -1;
	return &c->carrier;
}
