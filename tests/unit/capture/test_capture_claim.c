/*
 * Who is a folder's authority: claims made at first sight, at the first mail,
 * against a peer's that came first, and defended once a peer knew of them.
 */
#include "scene.h"

#define PEER UINT64_C(0xb2)

static struct change peer_change(enum change_kind kind)
{
	struct change c = change_blank(kind);

	c.by = (struct write_id){
		.log = {PEER, 7, ID_ACCOUNT}, .lsn = 1, .stamp = 1};
	c.folder = ID_INBOX;
	c.path = "INBOX";
	return c;
}

static struct claim peer_claim(uint32_t uidvalidity, uint32_t uidnext)
{
	return (struct claim){.term = 1,
		.site = PEER,
		.stamp = 1,
		.uidvalidity = uidvalidity,
		.uidnext = uidnext};
}

/* What a peer says of INBOX, merged as the applier does. */
static void hear(struct scene *s, uint32_t uidvalidity, uint32_t uidnext)
{
	struct change folder = peer_change(CHANGE_FOLDER);
	struct change authority = peer_change(CHANGE_AUTHORITY);

	authority.by.lsn = 2;
	authority.term = 1;
	authority.site = PEER;
	authority.uidvalidity = uidvalidity;
	authority.uidnext = uidnext;
	must(replica_begin(s->account.replica, &err));
	must(replica_apply(s->account.replica, &folder, &err));
	must(replica_apply(s->account.replica, &authority, &err));
	must(replica_commit(s->account.replica, &err));
}

static struct claim authority_of(struct scene *s, const char *path)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	must(replica_folder_by_path(
		s->account.replica, path, &arena, &f, &err));
	return f.authority;
}

static void the_first_mail_of_a_folder_makes_its_claim_stronger(void **state)
{
	struct scene *s = *state;

	server_folder(s, "Work", 'b');
	logs(s, "folder INBOX\nfolder Work\n");
	struct claim empty = authority_of(s, "Work");
	assert_int_equal(empty.site, ORIGIN);
	assert_int_equal(empty.uidvalidity, 1001);
	assert_false(claim_is_used(&empty));
	server_save(s, "Work", "x", "");
	s->all_kinds = true;
	logs(s, "authority Work\nidentity Work V1001 N2\n"
		"authority INBOX\nidentity INBOX V1000 N0\n"
		"identity INBOX V1000 N1\n"
		"Work save x uid=1\n");
	struct claim used = authority_of(s, "Work");
	assert_true(claim_is_used(&used));
	assert_true(claim_cmp(&used, &empty) > 0);
	server_save(s, "Work", "y", "");
	logs(s, "identity Work V1001 N3\nWork save y uid=2\n");
}

static void an_older_inbox_is_claimed_though_a_peer_was_heard_first(
	void **state)
{
	struct scene *s = *state;

	hear(s, 2000, 50);
	server_save(s, "INBOX", "a", "");
	pass(s);
	assert_int_equal(s->rc, 0);
	assert_int_equal(authority_of(s, "INBOX").site, ORIGIN);
}

static void a_younger_inbox_is_left_to_the_peer_that_was_heard(void **state)
{
	struct scene *s = *state;

	hear(s, 900, 50);
	server_save(s, "INBOX", "a", "");
	pass(s);
	assert_int_equal(s->rc, 0);
	assert_int_equal(authority_of(s, "INBOX").site, PEER);
}

static void what_was_looked_at_once_is_not_claimed_later(void **state)
{
	struct scene *s = *state;

	hear(s, 2000, 0);
	pass(s);
	server_save(s, "INBOX", "a", "");
	pass(s);
	assert_int_equal(s->rc, 0);
	assert_int_equal(authority_of(s, "INBOX").site, PEER);
}

static void a_site_that_only_receives_claims_nothing(void **state)
{
	struct scene *s = *state;

	s->config.claim = false;
	hear(s, 2000, 50);
	server_folder(s, "Work", 'b');
	server_save(s, "Work", "x", "");
	server_save(s, "INBOX", "a", "");
	pass(s);
	assert_int_equal(s->rc, 0);
	assert_int_equal(authority_of(s, "INBOX").site, PEER);
	assert_int_equal(authority_of(s, "Work").term, 0);
}

/* One rival's claim heard; returns the term that our own has then. */
static uint64_t defend(struct scene *s, bool heard, struct claim rival)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica *r = s->account.replica;
	struct replica_folder f;
	struct replica_log log;
	struct log_id id = {ORIGIN, replica_incarnation(r), ID_ACCOUNT};
	struct journal j;

	must(journal_begin(&j, &s->account, &err));
	must(replica_log_get(r, &id, false, &log, &err));
	/* What was known before the claim was made does not count. */
	struct replica_ack ack = {
		.log = log.id, .durable = heard ? log.known.lsn : 1};
	must(replica_ack_set(r, PEER, &ack, &err));
	must(replica_folder_by_path(r, "INBOX", &arena, &f, &err));
	must(capture_stay_home(&j, &f, &rival, &err));
	must(journal_commit(&j, false, &err));
	assert_int_equal(authority_of(s, "INBOX").site, ORIGIN);
	return authority_of(s, "INBOX").term;
}

static void a_claim_that_a_peer_knew_of_is_defended_in_the_next_term(
	void **state)
{
	struct scene *s = *state;

	server_save(s, "INBOX", "a", "");
	pass(s);
	assert_int_equal(defend(s, false, peer_claim(10, 50)), 1);
	assert_int_equal(defend(s, true, peer_claim(2000, 50)), 1);
	assert_int_equal(defend(s, true, peer_claim(10, 50)), 2);
	/* Once: two that both do so are told apart by their claims. */
	struct claim again = peer_claim(10, 50);
	again.term = 2;
	assert_int_equal(defend(s, true, again), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_mail_of_a_folder_makes_its_claim_stronger),
		T(an_older_inbox_is_claimed_though_a_peer_was_heard_first),
		T(a_younger_inbox_is_left_to_the_peer_that_was_heard),
		T(what_was_looked_at_once_is_not_claimed_later),
		T(a_site_that_only_receives_claims_nothing),
		T(a_claim_that_a_peer_knew_of_is_defended_in_the_next_term),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
