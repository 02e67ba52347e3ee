/*
 * gap_json: a gap as `packetboat status --json` and `gap list --json` have it.
 */
#ifndef PB_GAP_JSON_H
#define PB_GAP_JSON_H

#include "gaptext.h"

struct json_object;

/*
 * {"account", "folder", "kind": "lost"|"differs"|"damaged", "reason",
 *  "since_ms",
 *  lost: "origin", "first", "last", "lacked_here", "lacking": [names];
 *  differs: "peer" (null: the state itself), "messages", "digest",
 *           "their_messages", "their_digest";
 *  damaged: "mails": [{"uid", "base", "damage"}]}
 */
struct json_object *gap_json(
	const struct site *s, const char *account, const struct gap *g);

#endif
