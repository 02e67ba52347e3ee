#include "received.h"

#include <fcntl.h>

static void drop(struct placing *p, const char *path)
{
	struct os *os = p->account->os;

	if (os->ops->unlink(os, path) >= 0)
		p->result->spoilt++;
}

bool received_is_here(struct placing *p, const struct replica_message *m)
{
	AUTO_FREE char *path = place_body_path(p->config->bodies_dir, &m->hash);
	struct os_stat st;

	if (p->account->os->ops->lstat(p->account->os, path, &st) < 0)
		return false;
	if ((uint64_t)st.size == m->size)
		return true;
	drop(p, path);
	return false;
}

int received_stage(struct placing *p, struct store_stage *stage,
	const struct replica_message *m, size_t *ret, struct err *err)
{
	struct os *os = p->account->os;
	AUTO_FREE char *path = place_body_path(p->config->bodies_dir, &m->hash);
	int fd = os->ops->open(os, path, O_RDONLY | O_NOFOLLOW, 0);

	if (fd < 0)
		return err_set_os(err, -fd, "%s", path);
	struct store_body body = {
		.fd = fd, .hash = &m->hash, .size = m->size, .mtime = m->mtime};
	int rc = p->store->ops->stage_add(stage, &body, ret, err);
	os->ops->close(os, fd);
	if (rc != ERR_CORRUPT)
		return rc;
	drop(p, path);
	return err_set(err, ERR_ABSENT, "%s: was damaged", path);
}
