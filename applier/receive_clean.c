/*
 * receive_clean: bodies that no account awaits any more are removed.
 */
#include "receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bodies.h"
#include "damage.h"
#include "err.h"
#include "previews.h"

struct wanted {
	struct hash *list;
	size_t count;
};

static int want_row(void *arg, const struct replica_message *m, struct err *err)
{
	struct wanted *w = arg;

	(void)err;
	w->list = mem_grow(w->list, w->count + 1, sizeof(*w->list));
	w->list[w->count++] = m->hash;
	return 0;
}

/* Those that tell of mail which is awaited, as often as there is a place. */
static int want_previews(struct replica *r, struct wanted *w, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct hash *list;
	size_t count;
	int rc = previews_contents(r, &arena, &list, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		w->list = mem_grow(w->list, w->count + 1, sizeof(*w->list));
		w->list[w->count++] = list[i];
	}
	return rc;
}

static int want_damaged(
	void *arg, const struct replica_message *m, struct err *err)
{
	return damage_wants_body((enum damage)m->damage) ? want_row(arg, m, err)
							 : 0;
}

static int cmp_hash(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hash));
}

int receive_clean(const struct receive_config *config,
	const char *const *accounts, size_t count, struct err *err)
{
	struct os *os = config->os;
	struct wanted wanted = {0};
	AUTO_BUF struct buf names = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct account a;

		rc = account_open(&a, os, config->state_dir, accounts[i],
			config->self->pub.origin, false, err);
		if (rc == ERR_ABSENT) {
			rc = 0;
			continue;
		}
		if (rc < 0)
			break;
		rc = replica_bodiless_each(a.replica, want_row, &wanted, err);
		if (rc >= 0)
			rc = replica_damaged_each(
				a.replica, want_damaged, &wanted, err);
		if (rc >= 0)
			rc = want_previews(a.replica, &wanted, err);
		account_close(&a);
	}
	if (rc >= 0 && (rc = os->ops->list(os, config->bodies_dir, &names)) < 0)
		rc = rc == -ENOENT
			     ? 0
			     : err_set_os(err, -rc, "%s", config->bodies_dir);
	if (wanted.count)
		qsort(wanted.list, wanted.count, sizeof(*wanted.list),
			cmp_hash);
	struct os_entry entry;
	size_t at = 0;
	while (rc >= 0 && os_list_next(&names, &at, &entry)) {
		const char *name = entry.name;
		struct hash h;
		AUTO_FREE char *hex =
			mem_dup_n(name, strnlen(name, 2 * HASH_SIZE));

		if (hash_from_hex(hex, &h) == 0 &&
			(!wanted.count ||
				!bsearch(&h, wanted.list, wanted.count,
					sizeof(h), cmp_hash))) {
			AUTO_FREE char *path =
				mem_printf("%s/%s", config->bodies_dir, name);

			os->ops->unlink(os, path);
		}
	}
	free(wanted.list);
	return rc < 0 ? rc : 0;
}
