/*
 * status_text: the tree of `packetboat status` as text for people.
 */
#ifndef PB_STATUS_TEXT_H
#define PB_STATUS_TEXT_H

struct json_object;

/* To stdout. The tree is the one that status.c makes. */
void status_print(struct json_object *tree);

#endif
