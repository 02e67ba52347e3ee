#include "bodyclient.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bodyserve.h"
#include "bodystarter.h"
#include "err.h"

#define PROGRAM BODY_PROGRAM

static void drop_child(struct body_client *c)
{
	int status;

	if (c->fd >= 0)
		close(c->fd);
	/* a writer that is no child of ours ends by itself */
	while (c->pid && waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	*c = (struct body_client){.fd = -1};
}

static int receive(struct body_client *c, void *to, size_t len, struct err *err)
{
	uint8_t *at = to;

	while (len) {
		ssize_t n = read(c->fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_os(err, errno, "read from " PROGRAM);
		if (n == 0)
			return err_set(err, ERR_IO, PROGRAM " ended");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int transmit(struct body_client *c, const struct buf *b, struct err *err)
{
	size_t at = 0;

	while (at < b->len) {
		ssize_t n =
			send(c->fd, b->data + at, b->len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_os(err, errno, "write to " PROGRAM);
		at += (size_t)n;
	}
	return 0;
}

static int connect_to(const char *path, struct body_client *c, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (len >= sizeof(to.sun_path))
		return err_set(err, ERR_USAGE,
			"$" BODY_SOCKET_VARIABLE ": %s: too long", path);
	memcpy(to.sun_path, path, len);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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

int body_client_open(struct body_starter *starter, const char *program,
	const char *config, struct body_client *ret, struct err *err)
{
	const char *path = program ? NULL : body_client_socket();
	char hello[sizeof(BODY_HELLO) - 1];
	int rc;

	*ret = (struct body_client){.fd = -1};
	rc = path      ? connect_to(path, ret, err)
	     : starter ? body_starter_ask(starter, &ret->fd, err)
		       : body_writer_start(
				 program, config, &ret->fd, &ret->pid, err);
	if (rc >= 0)
		rc = receive(ret, hello, sizeof(hello), err);
	if (rc >= 0 && memcmp(hello, BODY_HELLO, sizeof(hello)) != 0)
		rc = err_set(err, ERR_IO, PROGRAM " is of another version");
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

static int outcome(const struct body_answer *a, struct buf *ret, size_t from,
	struct err *err)
{
	int len = a->len > 400 ? 400 : (int)a->len;

	switch (a->status) {
	case BODY_OK:
		return 0;
	case BODY_GONE:
		return err_set(err, ERR_ABSENT, "no message has this body");
	case BODY_DAMAGED:
		return err_set(err, ERR_CORRUPT,
			"the file no longer has the bytes it had when it was "
			"logged");
	case BODY_FAILED:
		break;
	}
	return err_set(err, ERR_IO, "%.*s", len,
		ret->data ? (const char *)ret->data + from : "");
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
	uint8_t head[BODY_ANSWER_HEAD];
	AUTO_BUF struct buf b = BUF_INIT;
	size_t had = ret->len;

	if (!err)
		err = &unasked;
	if (!c->open)
		return err_set(err, ERR_IO, PROGRAM " is not running");
	if (name_ok("account", account, BODY_ACCOUNT_MAX, err) < 0)
		return err->code;
	memcpy(q->account, account, strlen(account));
	body_request_encode(q, &b);
	if (transmit(c, &b, err) < 0 ||
		receive(c, head, sizeof(head), err) < 0 ||
		body_answer_decode(head, q->most, &a, err) < 0 ||
		receive(c, buf_room(ret, a.len), a.len, err) < 0)
		return broken(c, err);
	ret->len += a.len;
	int rc = outcome(&a, ret, had, err);
	if (rc < 0)
		ret->len = had;
	else
		*ret_size = a.size;
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
