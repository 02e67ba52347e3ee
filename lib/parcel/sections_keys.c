/*
 * sections_keys: the section of a site that changes its key, and of its peers'
 * answers, to bytes and back.
 *
 *	flags | [retired] | [uses | refuses] | [serial | from | to | signatures]
 */
#include "err.h"
#include "sections.h"

#include <assert.h>
#include <string.h>

#define SAYS 1u
#define ANSWERS 2u
#define CHANGES 4u

void parcel_add_keys(struct buf *b, const struct parcel_keys *k)
{
	AUTO_BUF struct buf head = BUF_INIT;

	assert(k->says || (k->answers && !k->change));
	buf_add_byte(&head,
		(uint8_t)((k->says ? SAYS : 0) | (k->answers ? ANSWERS : 0) |
			  (k->change ? CHANGES : 0)));
	if (k->says)
		buf_add_byte(&head, k->retired);
	if (k->answers) {
		buf_add_byte(&head, k->uses);
		buf_add_byte(&head, k->refuses);
	}
	if (k->change) {
		buf_add_byte(&head, k->change->to.serial);
		buf_add(&head, k->change->from.sign, 32);
		buf_add(&head, k->change->to.sign, 32);
		buf_add(&head, k->change->by_from, KEY_SIGNATURE_SIZE);
		buf_add(&head, k->change->by_to, KEY_SIGNATURE_SIZE);
	}
	sections_add(b, PARCEL_KEYS, &head, NULL, 0);
}

/* Both keys are the sender's. */
static int take_change(
	const struct parse *p, struct wire *w, const struct key_change **ret)
{
	struct key_change *c = arena_alloc(&p->out->arena, sizeof(*c));
	uint8_t serial = wire_u8(w);
	const uint8_t *from = wire_raw(w, 32), *to = wire_raw(w, 32);
	const uint8_t *by_from = wire_raw(w, KEY_SIGNATURE_SIZE);
	const uint8_t *by_to = wire_raw(w, KEY_SIGNATURE_SIZE);

	if (w->bad || serial == 0)
		return sections_bad(p, "change is malformed");
	if (key_public_make(from, p->sender, (uint8_t)(serial - 1), &c->from,
		    NULL) < 0 ||
		key_public_make(to, p->sender, serial, &c->to, NULL) < 0)
		return sections_bad(p, "change to or from no key");
	memcpy(c->by_from, by_from, KEY_SIGNATURE_SIZE);
	memcpy(c->by_to, by_to, KEY_SIGNATURE_SIZE);
	*ret = c;
	return 0;
}

int sections_parse_keys(
	const struct parse *p, struct wire *w, struct parcel_keys *ret)
{
	uint8_t flags = wire_u8(w);
	int r = 0;

	ret->says = flags & SAYS;
	ret->answers = flags & ANSWERS;
	if (flags == 0 || flags > (SAYS | ANSWERS | CHANGES) ||
		(flags & CHANGES && !ret->says))
		return sections_bad(p, "flags are unknown");
	if (ret->says)
		ret->retired = wire_u8(w);
	if (ret->answers) {
		ret->uses = wire_u8(w);
		ret->refuses = wire_u8(w);
	}
	if (flags & CHANGES)
		r = take_change(p, w, &ret->change);
	if (r < 0)
		return r;
	return w->bad || wire_left(w) ? sections_bad(p, "length is wrong") : 0;
}
