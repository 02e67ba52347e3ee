/*
 * key_change: that one key of a site is followed by another.
 *
 * Both sign the same words: the old one that it hands over, the new one that
 * its secret is there; so nobody can have another site's key announced as its
 * own, nor a key for another site. What it says is true for ever: whether it
 * is still of interest is told by the serial.
 */
#include "key.h"
#include "err.h"
#include "mem.h"
#include "wire.h"

#include <sodium.h>

#define CONTEXT "packetboat key change 1"

_Static_assert(crypto_sign_BYTES == KEY_SIGNATURE_SIZE, "docs/format.md, Keys");

static void words(const struct key_public *from, const struct key_public *to,
	struct buf *ret)
{
	buf_add_str(ret, CONTEXT);
	wire_add_u64(ret, to->origin);
	buf_add_byte(ret, to->serial);
	buf_add(ret, from->sign, sizeof(from->sign));
	buf_add(ret, to->sign, sizeof(to->sign));
}

void key_change_sign(const struct key_pair *from, const struct key_pair *to,
	struct key_change *ret)
{
	AUTO_BUF struct buf b = BUF_INIT;

	ret->from = from->pub;
	ret->to = to->pub;
	words(&from->pub, &to->pub, &b);
	crypto_sign_detached(
		ret->by_from, NULL, b.data, b.len, from->sign_secret);
	crypto_sign_detached(ret->by_to, NULL, b.data, b.len, to->sign_secret);
}

int key_change_check(const struct key_change *c, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT;

	if (c->from.origin != c->to.origin ||
		c->from.serial + 1 != c->to.serial)
		return err_set(err, ERR_AUTH,
			"a change of keys that do not follow each other");
	words(&c->from, &c->to, &b);
	if (crypto_sign_verify_detached(
		    c->by_from, b.data, b.len, c->from.sign) < 0)
		return err_set(err, ERR_AUTH,
			"a change of keys that the old one did not sign");
	if (crypto_sign_verify_detached(c->by_to, b.data, b.len, c->to.sign) <
		0)
		return err_set(err, ERR_AUTH,
			"a change of keys that the new one did not sign");
	return 0;
}
