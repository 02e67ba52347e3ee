#include "place.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "kept.h"
#include "mend.h"
#include "os.h"
#include "place_private.h"
#include "previews.h"
#include "wire.h"

char *place_body_path(const char *bodies_dir, const struct hash *hash)
{
	char hex[HASH_HEX];

	hash_hex(hash, hex);
	return mem_printf("%s/%s.body", bodies_dir, hex);
}

char *place_other_base(const char *base, const struct dot *dot)
{
	AUTO_BUF struct buf b = BUF_INIT;
	uint8_t sum[16];
	char hex[2 * sizeof(sum) + 1];
	const char *sizes = strstr(base, ",S=");

	wire_add_u64(&b, dot->log.origin);
	wire_add_u64(&b, dot->log.incarnation);
	buf_add(&b, dot->log.folder.b, sizeof(dot->log.folder.b));
	wire_add_u64(&b, dot->lsn);
	hash_long(sum, sizeof(sum), b.data, b.len, NULL, 0);
	hex_encode(sum, sizeof(sum), hex);
	int digits = (int)strspn(base, "0123456789");

	/* A name that begins with a dot is none. */
	return mem_printf("%.*s.D%s%s", digits ? digits : 1,
		digits ? base : "0", hex, sizes ? sizes : "");
}

void place_give_up(struct placing *p, int64_t folder)
{
	p->failed =
		mem_grow(p->failed, p->failed_count + 1, sizeof(*p->failed));
	p->failed[p->failed_count++] = folder;
}

bool place_given_up(const struct placing *p, int64_t folder)
{
	for (size_t i = 0; i < p->failed_count; i++)
		if (p->failed[i] == folder)
			return true;
	return false;
}

int place_record(
	struct placing *p, const struct replica_folder *f, struct err *err)
{
	int rc = replica_begin(p->replica, err);

	if (rc >= 0)
		rc = replica_folder_place(p->replica, f, err);
	return rc < 0 ? rc : replica_commit(p->replica, err);
}

static int add_rows(struct placing *p, struct arena *arena, int64_t **ret,
	size_t *ret_count, struct err *err)
{
	struct replica_folder *folders;
	int64_t *todo, *rows;
	size_t count, todo_count, n = 0;
	int rc = replica_folders(p->replica, arena, &folders, &count, err);

	if (rc >= 0)
		rc = replica_todo_folders(
			p->replica, arena, &todo, &todo_count, err);
	if (rc < 0)
		return rc;
	rows = arena_alloc(arena, (count + 1) * sizeof(*rows));
	for (size_t i = 0; i < count; i++) {
		const struct replica_folder *f = &folders[i];
		bool wanted = !f->dead && *f->path && !f->p_path;

		/* The authority's identity or UIDNEXT is not placed yet. */
		if (f->p_path && !f->dead && f->uidvalidity &&
			(f->uidvalidity != f->p_uidvalidity ||
				!id_equal(&f->guid, &f->p_guid) ||
				f->uidnext > f->p_uidnext))
			wanted = true;
		for (size_t k = 0; k < todo_count && !wanted; k++)
			wanted = todo[k] == f->id;
		if (wanted && !f->off && !*f->stopped && !f->refused)
			rows[n++] = f->id;
	}
	*ret = rows;
	*ret_count = n;
	return 0;
}

static void keep_first(struct err *first, const struct err *err)
{
	if (!first->code)
		*first = *err;
}

static void place_one(struct placing *p, int64_t folder, struct err *first)
{
	struct err err = ERR_INIT;
	int rc;

	if (place_given_up(p, folder))
		return;
	rc = place_messages(p, folder, &err);
	if (rc >= 0)
		return;
	place_give_up(p, folder);
	if (rc == ERR_BUSY)
		p->result->busy++;
	/* What this layout cannot hold: the operator's, not a mistake of
	   whoever called us. */
	if (rc == ERR_USAGE || rc == ERR_LIMIT) {
		p->result->unplaced++;
		err.code = ERR_OPERATOR;
	}
	keep_first(first, &err);
}

/* What was expunged where that is refused stays, whatever the guard says. */
static int keep(struct placing *p, struct err *err)
{
	int rc = kept_decide(p->replica, p->config->keep_from,
		p->config->keep_from_count, err);

	if (rc >= 0) {
		p->result->kept = (uint64_t)rc;
		rc = kept_any(p->replica, 0, err);
	}
	p->keeps = rc > 0;
	return rc;
}

static int place_all(struct placing *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct err first = ERR_INIT, one = ERR_INIT;
	int64_t *rows;
	size_t count;

	if (previews_settle(p->replica, err) < 0 || keep(p, err) < 0 ||
		place_guard(p, err) < 0)
		return err->code;
	bool guarded = p->gone_count > 0;
	/* Those that are gone may hold names that others are to get. */
	if (place_removals(p, &one) < 0)
		keep_first(&first, &one);
	one = ERR_INIT;
	if (place_names(p, &one) < 0)
		keep_first(&first, &one);
	one = ERR_INIT;
	if (mend_account(p, &one) < 0)
		keep_first(&first, &one);
	int rc = add_rows(p, &arena, &rows, &count, err);
	if (rc < 0)
		return rc;
	/* A moved message leaves its old folder in a second round, and a
	   preview makes room for what it was of. */
	for (int round = 0; round < 2; round++) {
		p->result->waiting = 0; /* they are met again */
		for (size_t i = 0; i < count; i++)
			place_one(p, rows[i], &first);
		/* What stood for mail that came now goes behind it. */
		rc = previews_settle(p->replica, err);
		if (rc >= 0)
			rc = add_rows(p, &arena, &rows, &count, err);
		if (rc < 0)
			return rc;
	}
	one = ERR_INIT;
	if (place_removals(p, &one) < 0)
		keep_first(&first, &one);
	one = ERR_INIT;
	if (place_subscriptions(p, &one) < 0)
		keep_first(&first, &one);
	one = ERR_INIT;
	if (guarded && place_guard(p, &one) < 0)
		keep_first(&first, &one);
	if (first.code)
		*err = first;
	return first.code;
}

int place_account(struct account *a, struct store *store,
	const struct place_config *config, struct place_result *ret,
	struct err *err)
{
	struct placing p = {
		.account = a,
		.replica = a->replica,
		.store = store,
		.config = config,
		.result = ret,
		.now_ms = a->os->ops->wall_ns(a->os) / 1000000,
	};
	int rc;

	*ret = (struct place_result){0};
	rc = place_all(&p, err);
	free(p.failed);
	free(p.gone);
	return rc;
}
