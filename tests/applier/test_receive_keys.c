/*
 * Who may say what of keys: a peer of its own, with both signatures. A peer
 * that says it of another, plays an old statement again, or signs with a key of
 * its own choice is refused whole, and nothing of it is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "err.h"
#include "peerkeys.h"
#include "receive.h"
#include "simdisk.h"

enum who { SELF, SHIP, PORT };
static struct key_pair keys[3], next[3];

struct scene {
	struct simdisk *disk;
	struct peerkeys_known known[3];
	struct receive_peer peers[2];
	struct receive_config config;
	struct receive_result result;
};

static struct scene *made(void)
{
	static struct scene scene;
	struct scene *s = &scene;
	static const char *const names[] = {"", "ship", "port"};

	*s = (struct scene){.disk = simdisk_new(1)};
	for (size_t i = SHIP; i <= PORT; i++) {
		s->known[i].configured = keys[i].pub;
		s->known[i].ring.key = keys[i].pub;
		s->peers[i - 1] = (struct receive_peer){.name = names[i],
			.key = keys[i].pub,
			.keys = &s->known[i],
			.takes_changes = true};
	}
	s->config = (struct receive_config){.os = simdisk_os(s->disk),
		.state_dir = "/s",
		.bodies_dir = "/s/bodies",
		.self = &keys[SELF],
		.peers = s->peers,
		.peer_count = 2};
	assert_int_equal(dir_make(s->config.os, "/s", 0700, NULL), 0);
	return s;
}

static int receive(struct scene *s, enum who from, const struct key_change *c)
{
	struct parcel_keys said = {.says = true, .change = c};
	AUTO_BUF struct buf sections = BUF_INIT, parcel = BUF_INIT;

	parcel_add_keys(&sections, &said);
	assert_int_equal(parcel_seal(s->config.os, &keys[from], &keys[SELF].pub,
				 sections.data, sections.len, 3, &parcel, NULL),
		0);
	return receive_parcel(&s->config, parcel.data, parcel.len, &s->result,
		&(struct err){.code = 0});
}

static bool is_announced(struct scene *s, enum who peer)
{
	struct peerkeys k;

	assert_int_equal(peerkeys_load(s->config.os, "/s",
				 keys[peer].pub.origin, &k, NULL),
		0);
	return k.changes;
}

static void gone(struct scene *s)
{
	simdisk_free(s->disk);
}

static void what_both_keys_signed_waits_for_the_operator(void **state)
{
	struct scene *s = made();
	struct key_change c;

	(void)state;
	key_change_sign(&keys[SHIP], &next[SHIP], &c);
	assert_int_equal(receive(s, SHIP, &c), 0);
	assert_ptr_equal(s->result.new_key, &s->peers[0]);
	assert_true(is_announced(s, SHIP));
	assert_false(is_announced(s, PORT));
	gone(s);
}

static void a_third_peer_says_nothing_of_another(void **state)
{
	struct scene *s = made();
	struct key_change c;

	(void)state;
	/* The very statement of the ship, handed over by the port. */
	key_change_sign(&keys[SHIP], &next[SHIP], &c);
	assert_int_equal(receive(s, PORT, &c), ERR_AUTH);
	/* The ship's key as its own next one, which the ship did not sign. */
	key_change_sign(&keys[PORT], &next[PORT], &c);
	c.to = next[SHIP].pub;
	assert_int_equal(receive(s, PORT, &c), ERR_AUTH);
	assert_null(s->result.new_key);
	assert_int_equal(s->result.refused, 2);
	assert_false(is_announced(s, SHIP));
	assert_false(is_announced(s, PORT));
	gone(s);
}

static void a_key_that_signed_alone_is_not_believed(void **state)
{
	struct scene *s = made();
	struct key_change c, other;

	(void)state;
	key_change_sign(&keys[SHIP], &next[SHIP], &c);
	key_change_sign(&keys[SHIP], &next[PORT], &other);
	/* By the old one only; for another new one; by the new one only. */
	memcpy(c.by_to, c.by_from, sizeof(c.by_to));
	assert_int_equal(receive(s, SHIP, &c), ERR_AUTH);
	key_change_sign(&keys[SHIP], &next[SHIP], &c);
	memcpy(c.by_from, other.by_from, sizeof(c.by_from));
	assert_int_equal(receive(s, SHIP, &c), ERR_AUTH);
	memcpy(c.by_from, c.by_to, sizeof(c.by_from));
	assert_int_equal(receive(s, SHIP, &c), ERR_AUTH);
	assert_false(is_announced(s, SHIP));
	gone(s);
}

static int start(void **state)
{
	int r = key_start(NULL);

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		key_from_seed((const uint8_t[32]){1, i}, &keys[i]);
		r |= key_after((const uint8_t[32]){2, i}, &keys[i].pub,
			&next[i], NULL);
	}
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_both_keys_signed_waits_for_the_operator),
		cmocka_unit_test(a_third_peer_says_nothing_of_another),
		cmocka_unit_test(a_key_that_signed_alone_is_not_believed),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
