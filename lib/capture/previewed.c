/*
 * previewed: what stands for mail that is to come is nobody's new mail
 * (lib/replica/previews.h).
 *
 * It is known by its content. A state that was lost knows of none: then it is
 * believed what it says itself, if it bears the name that it was given, or is of
 * mail that is awaited. Who delivers mail writes another line before all else.
 */
#include "os.h"
#include "pass.h"
#include "preview.h"
#include "previews.h"

#define FIRST_LINE 128 /* bytes, more than it has */

/* Does it say itself that it is one? 1 or 0. */
static int says_so(struct pass *p, const struct replica_folder *f,
	const struct store_message *m, struct hash *ret, struct err *err)
{
	struct os *os = p->account->os;
	struct store_stat st;
	uint8_t line[FIRST_LINE];
	int fd, rc = p->store->ops->open(
			p->store, f->p_path, m->base, m->name, &fd, &st, err);

	if (rc < 0)
		return rc;
	ssize_t n = os->ops->pread(os, fd, line, sizeof(line), 0);
	os->ops->close(os, fd);
	if (n < 0)
		return err_set_os(
			err, (int)-n, "read %s in %s", m->base, f->p_path);
	return preview_held(line, (size_t)n, ret);
}

static int remember(struct pass *p, const struct replica_folder *f,
	const struct store_message *m, const struct replica_message *row,
	struct err *err)
{
	struct preview found = {.content = row->hash, .size = row->size};
	int rc = says_so(p, f, m, &found.held, err);

	if (rc > 0 && !previews_is_name(m->base, &found.held))
		rc = replica_hash_awaited(p->replica, &found.held, err);
	return rc > 0 ? previews_remember(p->replica, &found, err) : rc;
}

int pass_preview(struct pass *p, const struct replica_folder *f,
	const struct store_message *m, const struct replica_message *row,
	struct err *err)
{
	int rc = p->finishing ? remember(p, f, m, row, err) : 0;

	return rc < 0 ? rc : previews_found(p->replica, row, err);
}
