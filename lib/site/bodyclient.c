#include "bodyclient.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bodyserve.h"
#include "bodystarter.h"
#include "err.h"
#include "os.h"

#define PROGRAM BODY_PROGRAM
#define HELLO_SIZE (sizeof(BODY_HELLO) - 1)
#define LOOK_MS 500	  /* however long it may take */
#define LOOKED_MS 20000	  /* who did not look waited no longer than this */
#define UNCLAIMED_MS 1000 /* an answer that nobody came for */
#define ENDING_MS 2000

static int64_t now_ms(const struct body_client *c)
{
	return c->os->ops->mono_ns(c->os) / 1000000;
}

static void forget(struct body_client *c)
{
	buf_clear(&c->asked);
	buf_clear(&c->came);
	c->answered = false;
}

/* A writer that is no child of ours ends by itself. */
static void drop_child(struct body_client *c)
{
	bool owes = c->asked.len && !c->answered;

	if (c->fd >= 0)
		close(c->fd);
	if (c->pid)
		body_writer_end(c->pid, owes ? 0 : ENDING_MS);
	buf_free(&c->asked);
	buf_free(&c->came);
	*c = (struct body_client){.fd = -1, .os = c->os, .soon = c->soon};
}

static int connect_to(const char *path, struct body_client *c, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (len >= sizeof(to.sun_path))
		return err_set(err, ERR_USAGE,
			"$" BODY_SOCKET_VARIABLE ": %s: too long", path);
	memcpy(to.sun_path, path, len);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 ||
		connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		err_set_os(err, errno, "connect to %s", path);
		if (err)
			err->code = ERR_IO; /* not "no such body" */
		return ERR_IO;
	}
	return 0;
}

const char *body_client_socket(void)
{
	const char *path = getenv(BODY_SOCKET_VARIABLE);

	return path && path[0] ? path : NULL;
}

int body_client_open(struct os *os, struct body_starter *starter,
	const char *program, const char *config, struct body_client *ret,
	struct err *err)
{
	const char *path = program ? NULL : body_client_socket();

	*ret = (struct body_client){.fd = -1, .os = os};
	int rc = path	   ? connect_to(path, ret, err)
		 : starter ? body_starter_ask(starter, &ret->fd, err)
			   : body_writer_start(
				     program, config, &ret->fd, &ret->pid, err);
	ret->open = rc >= 0;
	if (rc < 0)
		drop_child(ret);
	return rc < 0 ? rc : 0;
}

/* What is left of an answer that did not come whole cannot be used. */
static int broken(struct body_client *c, struct err *err)
{
	drop_child(c);
	err->code = ERR_IO;
	return ERR_IO;
}

/* ---- what comes ---- */

/* Returns 1: there are so many bytes; 0: not yet. */
static int receive(struct body_client *c, size_t len, struct err *err)
{
	while (c->came.len < len) {
		size_t left = len - c->came.len;
		ssize_t n = recv(
			c->fd, buf_room(&c->came, left), left, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0)
			return err_set_os(err, errno, "read from " PROGRAM);
		if (n == 0)
			return err_set(err, ERR_IO, PROGRAM " ended");
		c->came.len += (size_t)n;
	}
	return 1;
}

static int greet(struct body_client *c, struct err *err)
{
	int rc = receive(c, HELLO_SIZE, err);

	if (rc <= 0)
		return rc;
	if (memcmp(c->came.data, BODY_HELLO, HELLO_SIZE) != 0)
		return err_set(err, ERR_IO, PROGRAM " is of another version");
	c->greeted = true;
	c->waited_ms = 0;
	buf_clear(&c->came);
	return 1;
}

/* Returns 1: all of the answer came; 0: not yet. */
static int advance(struct body_client *c, struct err *err)
{
	int rc = c->greeted ? 1 : greet(c, err);

	while (rc > 0) {
		bool begun = c->came.len >= BODY_ANSWER_HEAD;
		struct body_answer a;

		rc = receive(c, BODY_ANSWER_HEAD, err);
		if (rc > 0 &&
			body_answer_decode(c->came.data, c->most, &a, err) < 0)
			return err->code;
		if (rc > 0 && !begun)
			c->waited_ms = 0;
		if (rc > 0 && a.status != BODY_WORKING) {
			rc = receive(c, BODY_ANSWER_HEAD + a.len, err);
			break;
		}
		if (rc > 0)
			buf_clear(&c->came);
	}
	if (rc > 0) {
		c->answered = true;
		c->answered_ms = now_ms(c);
	}
	return rc;
}

static bool is_too_long(struct body_client *c)
{
	int64_t now = now_ms(c), gap = now - c->looked_ms;

	c->waited_ms += gap < LOOKED_MS ? gap : LOOKED_MS;
	c->looked_ms = now;
	return c->waited_ms >= BODY_SILENT_MS;
}

/* Until what was asked is answered. */
static int await(struct body_client *c, struct err *err)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	for (;;) {
		int rc = c->answered ? 1 : advance(c, err);

		if (rc < 0)
			return broken(c, err);
		if (rc > 0)
			return 0;
		if (is_too_long(c)) {
			err_set(err, ERR_IO,
				PROGRAM " --serve, which reads mail for this "
					"program, gave no sign for %d s (does "
					"a disk hang? was it stopped?): it is "
					"given up",
				BODY_SILENT_MS / 1000);
			return broken(c, err);
		}
		if (c->soon)
			return err_set(
				err, ERR_BUSY, PROGRAM " did not answer yet");
		poll(&p, 1, LOOK_MS);
	}
}

/* ---- questions ---- */

/* The writer has read all that was asked before. */
static int transmit(struct body_client *c, struct err *err)
{
	ssize_t n;

	do
		n = send(c->fd, c->asked.data, c->asked.len,
			MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		err_set_os(err, errno, "write to " PROGRAM);
	else if ((size_t)n < c->asked.len)
		err_set(err, ERR_IO, PROGRAM " does not listen");
	if ((size_t)n != c->asked.len)
		return broken(c, err);
	c->looked_ms = now_ms(c);
	c->waited_ms = 0;
	return 0;
}

/* What somebody else asked comes first. */
static int make_way(struct body_client *c, struct err *err)
{
	int rc = await(c, err);

	if (rc < 0)
		return rc;
	if (c->soon && now_ms(c) - c->answered_ms < UNCLAIMED_MS)
		return err_set(err, ERR_BUSY, PROGRAM " answers somebody else");
	forget(c);
	return 0;
}

static bool is_asked(const struct body_client *c, const struct buf *question)
{
	return c->asked.len == question->len &&
	       memcmp(c->asked.data, question->data, question->len) == 0;
}

static int inquire(struct body_client *c, const struct buf *question,
	uint32_t most, struct err *err)
{
	int rc = 0;

	if (c->asked.len && !is_asked(c, question))
		rc = make_way(c, err);
	if (rc >= 0 && !c->asked.len) {
		buf_add(&c->asked, question->data, question->len);
		c->most = most;
		rc = transmit(c, err);
	}
	return rc < 0 ? rc : await(c, err);
}

static int outcome(const struct body_answer *a, const uint8_t *bytes,
	struct buf *ret, uint64_t *ret_size, struct err *err)
{
	int len = a->len > 400 ? 400 : (int)a->len;

	switch (a->status) {
	case BODY_OK:
		buf_add(ret, bytes, a->len);
		*ret_size = a->size;
		return 0;
	case BODY_GONE:
		return err_set(err, ERR_ABSENT, "no message has this body");
	case BODY_DAMAGED:
		return err_set(err, ERR_CORRUPT,
			"the file no longer has the bytes it had when it was "
			"logged");
	case BODY_FAILED:
	case BODY_WORKING:
		break;
	}
	return err_set(err, ERR_IO, "%.*s", len, (const char *)bytes);
}

static int name_ok(
	const char *what, const char *name, size_t max, struct err *err)
{
	if (*name && strlen(name) <= max)
		return 0;
	return err_set(err, ERR_USAGE, "%s \"%s\": no such name", what, name);
}

/* What answers the question, and the size of the whole body. */
static int ask(struct body_client *c, const char *account,
	struct body_request *q, struct buf *ret, uint64_t *ret_size,
	struct err *err)
{
	struct err unasked = ERR_INIT;
	struct body_answer a;
	AUTO_BUF struct buf b = BUF_INIT;

	if (!err)
		err = &unasked;
	if (!c->open)
		return err_set(err, ERR_IO, PROGRAM " is not running");
	if (name_ok("account", account, BODY_ACCOUNT_MAX, err) < 0)
		return err->code;
	memcpy(q->account, account, strlen(account));
	body_request_encode(q, &b);
	int rc = inquire(c, &b, q->most, err);
	if (rc >= 0)
		rc = body_answer_decode(c->came.data, q->most, &a, err);
	if (rc < 0)
		return rc;
	rc = outcome(&a, c->came.data + BODY_ANSWER_HEAD, ret, ret_size, err);
	forget(c);
	return rc;
}

int body_client_read(struct body_client *c, const char *account,
	const struct hash *hash, uint64_t offset, size_t most, struct buf *ret,
	uint64_t *ret_size, struct err *err)
{
	struct body_request q = {
		.hash = *hash,
		.offset = offset,
		.most = most > BODY_PIECE_MAX ? BODY_PIECE_MAX : (uint32_t)most,
	};

	if (!most)
		return err_set(err, ERR_USAGE, "no bytes of a body are wanted");
	return ask(c, account, &q, ret, ret_size, err);
}

int body_client_preview(struct body_client *c, const char *account,
	const struct hash *hash, const char *peer, size_t most, struct buf *ret,
	struct err *err)
{
	struct body_request q = {.hash = *hash, .most = (uint32_t)most};
	uint64_t size;

	if (name_ok("peer", peer, BODY_PEER_MAX, err) < 0)
		return err->code;
	memcpy(q.peer, peer, strlen(peer));
	return ask(c, account, &q, ret, &size, err);
}

void body_client_close(struct body_client *c)
{
	if (c->open)
		drop_child(c);
}
