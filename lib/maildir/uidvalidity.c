/*
 * uidvalidity: the counter from which Dovecot gives new folders their
 * UIDVALIDITY.
 *
 *	dovecot-uidvalidity            8 hex digits: the last value given
 *	dovecot-uidvalidity.5f3a9c01   empty; its name is the last value
 *
 * Dovecot counts by renaming the empty file to the next value, then writes
 * the digits. The digits count while the empty file they name is there, else
 * the greatest empty file. A folder made by us with a value from elsewhere is
 * not counted: without raising the counter, Dovecot could give that value
 * again. It is raised beside a counting Dovecot by (1) a new empty file, (2)
 * new digits, renamed into place, (3) removing the other empty files, so that
 * nobody goes on counting from them. After a crash the repeated call does what
 * is missing.
 */
#include "maildir_private.h"

#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 8
#define PREFIX UIDVALIDITY_FILE "."
#define LOOKS 5 /* a name may be missed while Dovecot renames it */

struct counter {
	uint32_t digits; /* 0: none */
	uint32_t *names; /* values of the empty files */
	size_t count;
};

static void counter_release(struct counter *c)
{
	free(c->names);
}

/* Exactly 8 hex digits, not 0. */
static uint32_t parse_hex(const char *s, size_t len)
{
	char text[DIGITS + 1];
	uint8_t b[4];

	if (len != DIGITS)
		return 0;
	memcpy(text, s, DIGITS);
	text[DIGITS] = '\0';
	if (hex_decode(text, b, sizeof(b)) < 0)
		return 0;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

static char *name_of(const char *dir, uint32_t value)
{
	return mem_printf("%s/" PREFIX "%08x", dir, value);
}

static int read_digits(
	struct os *os, const char *dir, uint32_t *ret, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, UIDVALIDITY_FILE);
	AUTO_BUF struct buf b = BUF_INIT;
	int r = control_read(os, path, 256, &b, NULL, err);

	*ret = 0;
	if (r == 0)
		*ret = parse_hex(buf_str(&b), b.len);
	return r < 0 ? r : 0;
}

static int read_names(
	struct os *os, const char *dir, struct counter *c, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	int r = os->ops->list(os, dir, &names);

	c->count = 0;
	if (r < 0)
		return err_set_os(err, -r, "list %s", dir);
	while (os_list_next(&names, &at, &e)) {
		const char *hex = e.name + strlen(PREFIX);
		uint32_t v;

		if (strncmp(e.name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		v = parse_hex(hex, strlen(hex));
		if (!v)
			continue;
		c->names = mem_grow(c->names, c->count + 1, sizeof(v));
		c->names[c->count++] = v;
	}
	return 0;
}

static int read_counter(
	struct os *os, const char *dir, struct counter *c, struct err *err)
{
	int r = 0;

	for (int i = 0; i < LOOKS && r == 0; i++) {
		r = read_digits(os, dir, &c->digits, err);
		if (r == 0)
			r = read_names(os, dir, c, err);
		if (c->count || !c->digits)
			break;
	}
	return r;
}

/* The value that Dovecot would count on from; 0: none. */
static uint32_t value_of(const struct counter *c)
{
	uint32_t greatest = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (c->names[i] == c->digits)
			return c->digits;
		if (c->names[i] > greatest)
			greatest = c->names[i];
	}
	return greatest;
}

/* Returns 0, or 1 if it is there already. */
static int create_name(
	struct os *os, const char *dir, uint32_t value, struct err *err)
{
	AUTO_FREE char *path = name_of(dir, value);
	int fd = os->ops->open(
		os, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0444);

	if (fd == -EEXIST)
		return 1;
	if (fd < 0)
		return err_set_os(err, -fd, "create %s", path);
	os->ops->close(os, fd);
	return 0;
}

static int write_digits(
	struct maildir *m, const char *dir, uint32_t value, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, UIDVALIDITY_FILE);
	AUTO_FREE char *tmp = mem_printf("%s.tmp", path);
	AUTO_BUF struct buf b = BUF_INIT;
	struct modes modes;
	int r = modes_of(m->store.os, m->root, &modes, err);

	if (r < 0)
		return r;
	buf_printf(&b, "%08x", value);
	return control_replace(
		m->store.os, tmp, path, NULL, &b, modes.file, 0, err);
}

/* Steps 2 and 3. */
static int settle(struct maildir *m, const char *dir, const struct counter *c,
	uint32_t value, struct err *err)
{
	struct os *os = m->store.os;
	int r = write_digits(m, dir, value, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < c->count; i++) {
		AUTO_FREE char *path = name_of(dir, c->names[i]);

		if (c->names[i] != value)
			os->ops->unlink(os, path);
	}
	return dir_sync(os, dir, err);
}

/* A first counter must not be below what Dovecot would begin with. */
static uint32_t first_value(struct maildir *m, uint32_t value)
{
	int64_t now = m->store.os->ops->wall_ns(m->store.os) / NS_PER_S;

	return now > value && now < UINT32_MAX ? (uint32_t)now : value;
}

static int raise_from(struct maildir *m, const char *dir, struct counter *c,
	uint32_t value, struct err *err)
{
	uint32_t is, to;
	int r = read_counter(m->store.os, dir, c, err);

	if (r < 0)
		return r;
	is = value_of(c);
	if (is >= value && c->digits == is && c->count == 1)
		return 0;
	to = is > value ? is : value;
	if (!is)
		to = first_value(m, value);
	r = create_name(m->store.os, dir, to, err);
	return r < 0 ? r : settle(m, dir, c, to, err);
}

static int next_from(struct maildir *m, const char *dir, struct counter *c,
	uint32_t *ret, struct err *err)
{
	uint32_t to;
	int r = read_counter(m->store.os, dir, c, err);

	if (r < 0)
		return r;
	to = value_of(c);
	to = to ? to + 1 : first_value(m, 1);
	/* Taken: by Dovecot at this moment, or before a crash. */
	while ((r = create_name(m->store.os, dir, to ? to : ++to, err)) == 1)
		to++;
	*ret = to;
	return r < 0 ? r : settle(m, dir, c, to, err);
}

static int make_root(struct maildir *m, const char *dir, struct err *err)
{
	if (!m->control || is_directory(m->store.os, dir))
		return 0;
	return dir_make(m->store.os, dir, 0700, err);
}

int uidvalidity_raise(struct maildir *m, uint32_t value, struct err *err)
{
	const char *dir = layout_control_root(m);
	struct counter c = {0};
	int r = make_root(m, dir, err);

	if (r == 0)
		r = raise_from(m, dir, &c, value, err);
	counter_release(&c);
	return r;
}

int uidvalidity_next(struct maildir *m, uint32_t *ret, struct err *err)
{
	const char *dir = layout_control_root(m);
	struct counter c = {0};
	int r = make_root(m, dir, err);

	if (r == 0)
		r = next_from(m, dir, &c, ret, err);
	counter_release(&c);
	return r;
}
