/*
 * place_preview: a preview in the place of a message whose body a peer holds
 * back (lib/replica/previews.h). It takes the number that the message was to
 * have: that of those behind it stays what it is, and nobody has to wait. The
 * message itself, when it comes, is late, and gets another.
 *
 * A site that waits for ever (`late = "never"`) is to be numbered as its peer
 * is: there none is placed.
 */
#include "place_batch.h"

#include "previews.h"

static void add(struct batch *b, const struct replica_message *m,
	const struct preview *preview)
{
	AUTO_FREE char *base = previews_base(preview, m->mtime);
	struct replica_message row = {.hash = preview->content,
		.size = preview->size,
		.mtime = m->mtime,
		.folder = m->folder,
		.base = base,
		.uid = m->uid};
	struct action *a = batch_action(b, &row);

	a->add = a->preview = true;
	a->target_base = a->row.base;
	b->bytes += row.size;
}

int batch_preview(
	struct batch *b, const struct replica_message *m, struct err *err)
{
	struct replica *r = b->p->replica;
	struct preview preview;

	if (b->p->config->late_ms < 0)
		return 0;
	int rc = previews_get(r, &m->hash, &preview, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = previews_was_placed(r, &m->hash, b->f.id, err);
	if (rc == 0 && !b->sweep->blocked)
		add(b, m, &preview);
	return rc < 0 ? rc : 1;
}

int batch_preview_lost(struct batch *b, const struct action *a, struct err *err)
{
	struct replica *r = b->p->replica;
	int rc = replica_begin(r, err);

	if (rc >= 0)
		rc = previews_lost(r, &a->row.hash, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc < 0 ? rc : 0;
}
