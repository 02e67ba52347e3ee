/*
 * status_keys: what `packetboat status` says of keys that change.
 */
#include "status_tree.h"

void status_key(struct status *s)
{
	bool all = true;

	tree_number(s->tree, "key_serial", s->site.key.pub.serial);
	tree_true(s->tree, "key_former_kept", s->site.former.pub.origin);
	for (size_t i = 0; i < s->site.config.peer_count; i++)
		all &= peerkeys_knows(&s->site.peerkeys[i].said, &s->site.key);
	if (s->site.former.pub.origin && all)
		status_needs_operator(s,
			"the key before this one is not needed any more: all "
			"peers use the new one (packetboat key retire)");
}

void status_peer_key(struct status *s, size_t peer, struct json_object *o)
{
	const struct peerkeys_known *k = &s->site.peerkeys[peer];
	AUTO_BUF struct buf text = BUF_INIT;

	tree_number(o, "key_serial", k->ring.key.serial);
	tree_true(o, "key_waits", k->ring.waits);
	tree_true(o, "knows_our_key", peerkeys_knows(&k->said, &s->site.key));
	peerkeys_tell(&k->ring, &k->said, &text);
	if (text.len)
		status_needs_operator(s, "peer %s: %s",
			s->site.config.peers[peer].name, buf_str(&text));
}
