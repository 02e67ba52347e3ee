#include "serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bodyserve.h"
#include "os.h"
#include "preview.h"

#define SMALL_MAX (4u << 20) /* a body up to this long is kept in memory */
#define CHUNK 65536u

/* The body that was asked for last: pieces come one after the other. */
struct held {
	struct hash hash;
	int fd; /* -1: nothing is held, or all of it in bytes */
	bool open;
	uint64_t size;
	int64_t mtime;
	struct buf bytes; /* of a small body */
};

struct server {
	struct writer *w;
	struct os *os;
	int in, out;
	struct buf input;
	struct arena arena; /* of accounts */
	struct config_account *accounts;
	size_t account_count;
	struct account account; /* the last one asked about */
	struct store *store;	/* NULL: none is open */
	struct held held;
	int64_t said_ns; /* when it was asked, or gave a sign last */
};

static void drop_body(struct server *s)
{
	if (s->held.fd >= 0)
		s->os->ops->close(s->os, s->held.fd);
	buf_free(&s->held.bytes);
	s->held = (struct held){.fd = -1};
}

static void drop_account(struct server *s)
{
	drop_body(s);
	if (!s->store)
		return;
	s->store->ops->close(s->store);
	s->store = NULL;
	account_close(&s->account);
}

/* ---- accounts ---- */

static const struct config_account *find(
	const struct server *s, const char *name)
{
	for (size_t i = 0; i < s->account_count; i++)
		if (strcmp(s->accounts[i].name, name) == 0)
			return &s->accounts[i];
	return NULL;
}

/* Accounts come and go with the directories that patterns match. */
static int find_account(struct server *s, const char *name,
	const struct config_account **ret, struct err *err)
{
	*ret = find(s, name);
	if (*ret)
		return 0;
	arena_free(&s->arena);
	s->accounts = NULL;
	s->account_count = 0;
	int rc = config_accounts(&s->w->site.config, &s->arena, &s->accounts,
		&s->account_count, err);
	if (rc < 0)
		return rc;
	*ret = find(s, name);
	return *ret ? 0
		    : err_set(err, ERR_ABSENT, "account %s: there is none",
			      name);
}

static int use_account(struct server *s, const char *name, struct err *err)
{
	const struct config_account *ca;
	int rc;

	if (s->store && strcmp(s->account.name, name) == 0)
		return 0;
	drop_account(s);
	if ((rc = find_account(s, name, &ca, err)) < 0)
		return rc;
	rc = site_account_open(&s->w->site, name, false, &s->account, err);
	if (rc < 0)
		return rc;
	rc = site_store_open(&s->w->site, ca, false, &s->store, err);
	if (rc < 0) {
		s->store = NULL;
		account_close(&s->account);
	}
	return rc;
}

/* ---- signs ---- */

/* Who asked may be gone before it read all that it was told. */
static bool nobody_is_there(void)
{
	return errno == EPIPE || errno == ECONNRESET;
}

/* Returns 1: nobody is there any more. */
static int send_all(struct server *s, struct buf *b, struct err *err)
{
	size_t at = 0;

	while (at < b->len) {
		ssize_t n = write(s->out, b->data + at, b->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && nobody_is_there())
			return 1;
		if (n < 0)
			return err_set_os(err, errno, "write an answer");
		at += (size_t)n;
	}
	buf_clear(b);
	s->said_ns = s->os->ops->mono_ns(s->os);
	return 0;
}

/* Who asked gives us up else. Should it be gone, the answer meets that, too. */
static void say_working(struct server *s)
{
	struct body_answer a = {.status = BODY_WORKING};
	int64_t now = s->os->ops->mono_ns(s->os);
	AUTO_BUF struct buf b = BUF_INIT;

	if (now - s->said_ns < INT64_C(1000000) * BODY_SIGN_MS)
		return;
	body_answer_encode(&a, &b);
	send_all(s, &b, NULL);
}

/* ---- bodies ---- */

/* Read the whole body once: is it the one with this hash? */
static int verify(struct server *s, struct held *h, struct err *err)
{
	AUTO_FREE uint8_t *chunk = mem_alloc(CHUNK);
	struct hash_state state;
	int64_t at = 0;
	ssize_t n;

	hash_init(&state);
	while ((n = s->os->ops->pread(s->os, h->fd, chunk, CHUNK, at)) > 0) {
		hash_add(&state, chunk, (size_t)n);
		say_working(s);
		if (h->size <= SMALL_MAX && h->bytes.len <= h->size)
			buf_add(&h->bytes, chunk, (size_t)n);
		at += n;
	}
	if (n < 0)
		return err_set_os(err, (int)-n, "read a body");
	struct hash hash = hash_end(&state);
	if ((uint64_t)at != h->size ||
		memcmp(&hash, &h->hash, sizeof(hash)) != 0)
		return err_set(err, ERR_CORRUPT, "not the bytes it had");
	if (h->size <= SMALL_MAX) {
		s->os->ops->close(s->os, h->fd);
		h->fd = -1;
	}
	return 0;
}

/* Open and verify the file of one message. */
static int try_message(
	struct server *s, const struct replica_message *m, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_FREE char *hint = mem_printf("%s:2,%s", m->p_base, m->p_letters);
	struct held *h = &s->held;
	struct replica_folder f;
	struct store_stat st;
	int rc = replica_folder_by_row(
		s->account.replica, m->p_folder, &arena, &f, err);

	if (rc != 0 || !f.p_path)
		return rc < 0 ? rc : ERR_ABSENT;
	h->hash = m->hash;
	rc = s->store->ops->open(
		s->store, f.p_path, m->p_base, hint, &h->fd, &st, err);
	if (rc < 0) {
		h->fd = -1;
		return rc;
	}
	h->size = st.size;
	h->mtime = st.mtime;
	rc = verify(s, h, err);
	if (rc < 0)
		drop_body(s);
	else
		h->open = true;
	return rc;
}

/*
 * Any message with this body serves; of several files the first that is whole.
 * Errors: ERR_ABSENT, ERR_CORRUPT (there is one, damaged), others.
 */
static int hold_body(struct server *s, const struct hash *hash, struct err *err)
{
	int64_t after = 0;
	int worst = ERR_ABSENT;

	if (s->held.open && memcmp(&s->held.hash, hash, sizeof(*hash)) == 0)
		return 0;
	drop_body(s);
	for (;;) {
		AUTO_ARENA struct arena arena = {0};
		struct replica_message m;
		int rc = replica_message_with_hash(
			s->account.replica, hash, NULL, after, &arena, &m, err);

		if (rc < 0) /* the state is damaged, not the body */
			return err_set(err, ERR_IO, "%s", err->text);
		if (rc > 0)
			return worst;
		after = m.id;
		rc = try_message(s, &m, err);
		if (rc >= 0)
			return 0;
		if (rc != ERR_ABSENT)
			worst = worst == ERR_ABSENT || rc == ERR_CORRUPT
					? rc
					: worst;
	}
}

/* Is the file that was verified the same still? */
static int still_whole(struct server *s, struct err *err)
{
	struct os_stat st;
	int rc = s->os->ops->fstat(s->os, s->held.fd, &st);

	if (rc < 0)
		return err_set_os(err, -rc, "stat a body");
	if ((uint64_t)st.size == s->held.size &&
		st.mtime_ns / 1000000000 == s->held.mtime)
		return 0;
	drop_body(s);
	return err_set(err, ERR_CORRUPT, "changed while it was read");
}

static int read_piece(struct server *s, const struct body_request *q,
	struct buf *ret, struct err *err)
{
	const struct held *h = &s->held;
	uint64_t left = q->offset < h->size ? h->size - q->offset : 0;
	size_t len = left < q->most ? (size_t)left : q->most;

	if (h->fd < 0) {
		if (len)
			buf_add(ret, h->bytes.data + q->offset, len);
		return 0;
	}
	int rc = still_whole(s, err);
	if (rc >= 0 && len)
		rc = os_read_all(s->os, h->fd, buf_room(ret, len), len,
			(int64_t)q->offset, "a body", err);
	if (rc >= 0)
		ret->len += len;
	else
		drop_body(s);
	return rc;
}

/* Of a large body what its first bytes tell. */
static int read_preview(struct server *s, const struct body_request *q,
	struct buf *ret, struct err *err)
{
	struct preview_of of = {.hash = q->hash,
		.size = s->held.size,
		.site = s->w->site.config.site,
		.peer = q->peer};
	struct body_request all = {.most = PREVIEW_READ};
	AUTO_BUF struct buf mail = BUF_INIT;
	int rc = read_piece(s, &all, &mail, err);

	if (rc >= 0)
		preview_make(mail.data, mail.len, &of, q->most, ret);
	return rc;
}

/* ---- requests ---- */

static enum body_status status_of(int rc)
{
	switch (rc) {
	case ERR_ABSENT:
		return BODY_GONE;
	case ERR_CORRUPT:
	case ERR_TORN:
		return BODY_DAMAGED;
	default:
		return rc < 0 ? BODY_FAILED : BODY_OK;
	}
}

static void answer(
	struct server *s, const struct body_request *q, struct buf *ret)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	int rc = use_account(s, q->account, &err);

	/* The state is damaged, not the body. */
	if (rc == ERR_CORRUPT)
		rc = err_set(&err, ERR_IO, "%s", err.text);
	if (rc >= 0)
		rc = hold_body(s, &q->hash, &err);
	if (rc >= 0)
		rc = *q->peer ? read_preview(s, q, &bytes, &err)
			      : read_piece(s, q, &bytes, &err);
	struct body_answer a = {.status = status_of(rc)};
	if (a.status == BODY_OK)
		a.size = s->held.size;
	else
		buf_clear(&bytes);
	if (a.status == BODY_FAILED)
		buf_add_str(&bytes, err.text);
	a.len = (uint32_t)bytes.len;
	body_answer_encode(&a, ret);
	if (bytes.len)
		buf_add(ret, bytes.data, bytes.len);
}

/* Returns 1 at the end of the input. */
static int receive_more(struct server *s, struct err *err)
{
	for (;;) {
		ssize_t n = read(s->in, buf_room(&s->input, CHUNK), CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && nobody_is_there())
			return 1;
		if (n < 0)
			return err_set_os(err, errno, "read a request");
		s->input.len += (size_t)n;
		return n == 0;
	}
}

static int run(struct server *s, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT;
	int rc;

	buf_add_str(&out, BODY_HELLO);
	rc = send_all(s, &out, err);
	while (rc == 0) {
		struct body_request q;
		int len = body_request_decode(
			s->input.data, s->input.len, &q, err);

		if (len < 0)
			return len;
		if (!len) {
			rc = receive_more(s, err);
			continue;
		}
		s->input.len -= (size_t)len;
		memmove(s->input.data, s->input.data + len, s->input.len);
		s->said_ns = s->os->ops->mono_ns(s->os);
		answer(s, &q, &out);
		rc = send_all(s, &out, err);
	}
	return rc;
}

int serve(struct writer *w, int in, int out, struct err *err)
{
	struct server s = {
		.w = w,
		.os = w->site.os,
		.in = in,
		.out = out,
		.held = {.fd = -1},
	};
	int rc = run(&s, err);

	drop_account(&s);
	arena_free(&s.arena);
	buf_free(&s.input);
	return rc;
}
