#include "simserve.h"

#include <string.h>

#include "err.h"
#include "simstore.h"

static const char *const accounts[] = {ACCOUNT};

static struct os *os_of(struct sim_site *s)
{
	return simdisk_os(s->disk);
}

/* ---- bodies, as packetboat-writer --serve ---- */

static int read_mail(struct sim_site *s, struct store *store,
	const char *folder, const char *base, const struct hash *hash,
	struct buf *ret, struct err *err)
{
	struct store_stat st;
	int fd;
	int rc = store->ops->open(store, folder, base, NULL, &fd, &st, err);

	if (rc < 0)
		return rc;
	buf_clear(ret);
	rc = os_read_all(os_of(s), fd, buf_room(ret, st.size + 1), st.size, 0,
		base, err);
	os_of(s)->ops->close(os_of(s), fd);
	if (rc < 0)
		return rc;
	ret->len = st.size;
	struct hash is = hash_of(ret->data, ret->len);
	return memcmp(&is, hash, sizeof(is))
		       ? err_set(err, ERR_CORRUPT, "not the bytes it had")
		       : 0;
}

/* The first mail that has this body whole. */
static int find_body(struct sim_site *s, struct account *a, struct store *store,
	const struct hash *hash, struct buf *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m = {.id = 0};
	struct replica_folder f;
	int worst = err_set(err, ERR_ABSENT, "no mail has it");

	for (;;) {
		int rc = replica_message_with_hash(
			a->replica, hash, NULL, m.id, &arena, &m, err);

		if (rc != 0)
			return rc < 0 ? err_set(err, ERR_IO, "state") : worst;
		rc = replica_folder_by_row(
			a->replica, m.p_folder, &arena, &f, err);
		if (rc != 0 || !f.p_path)
			continue;
		rc = read_mail(s, store, f.p_path, m.p_base, hash, ret, err);
		if (rc >= 0)
			return 0;
		if (rc != ERR_ABSENT)
			worst = rc;
	}
}

static int serve(struct sim_serving *v, struct err *err)
{
	int rc;

	if (v->store)
		return 0;
	rc = simsite_open(v->site, false, &v->account, err);
	if (rc < 0)
		return rc;
	rc = simstore_open(&v->site->mail, &v->store, err);
	if (rc < 0) {
		v->store = NULL;
		account_close(&v->account);
	}
	return rc;
}

void simserve_end(struct sim_serving *v)
{
	if (!v->store)
		return;
	v->store->ops->close(v->store);
	account_close(&v->account);
	v->store = NULL;
}

static int body_of(void *arg, const char *account, const struct hash *hash,
	uint64_t offset, size_t max, struct buf *ret, uint64_t *ret_size,
	struct err *err)
{
	struct sim_serving *v = arg;
	AUTO_BUF struct buf body = BUF_INIT;
	int rc = serve(v, err);

	(void)account;
	if (rc >= 0)
		rc = find_body(
			v->site, &v->account, v->store, hash, &body, err);
	if (rc < 0)
		return rc;
	*ret_size = body.len;
	if (offset < body.len)
		buf_add(ret, body.data + offset,
			body.len - offset < max ? body.len - offset : max);
	return 0;
}

/* ---- handing over ---- */

char *simserve_inbox(const struct sim_site *s, size_t peer)
{
	return mem_printf(STATE_DIR "/inbox/%s", s->sites[peer].name);
}

static bool inbox_holds(struct sim_site *s, size_t peer)
{
	AUTO_FREE char *dir = simserve_inbox(s, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (os_of(s)->ops->list(os_of(s), dir, &list) < 0)
		return false;
	while (os_list_next(&list, &at, &entry)) {
		const char *end = strrchr(entry.name, '.');

		if (end && strcmp(end, ".parcel") == 0)
			return true;
	}
	return false;
}

static bool is_untaken(void *arg, uint64_t origin, const char *account)
{
	const struct sim_site *s = arg;

	(void)account;
	for (size_t i = 0; i < SITES_MAX; i++)
		if (s->peers[i].known && s->sites[i].key.pub.origin == origin)
			return !s->peers[i].takes;
	return false;
}

struct handover_config simserve_handover(struct sim_serving *v, size_t peer)
{
	struct sim_site *s = v->site;
	struct sim_rule *view = &s->peers[peer].view;

	simrule_cut(view);
	return (struct handover_config){.os = os_of(s),
		.state_dir = STATE_DIR,
		.self = &s->key,
		.peer = &s->sites[peer].key.pub,
		.send_changes = s->peers[peer].sends,
		.take_changes = s->peers[peer].takes,
		.relay = s->peers[peer].relays,
		.takes_relay = s->peers[peer].relays && s->peers[peer].takes,
		.untaken = is_untaken,
		.untaken_arg = s,
		.unread = inbox_holds(s, peer),
		.patience_ms = (uint64_t)s->patience_s * 1000,
		.state_ms = SIM_STATE_S * 1000,
		.oneway = s->peers[peer].oneway,
		.overlap = 1,
		.tables_ms = SIM_STATE_S * 1000,
		.brief_least = 1,
		.level = s->level,
		.link = "",
		.accounts = accounts,
		.account_count = 1,
		.view = {view->items, view->count},
		.body = body_of,
		.body_arg = v};
}
