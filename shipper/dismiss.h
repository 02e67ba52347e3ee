/*
 * dismiss: live links that were let in, and would not be let in any more: the
 * peer's key was revoked or retired meanwhile, or the peer expelled. A link can
 * be up for days, and who has a stolen key is not to keep it that long.
 */
#ifndef PB_DISMISS_H
#define PB_DISMISS_H

struct lives;
struct shipper;

/* End those links; looks every other second at most. */
void dismiss(struct shipper *s, struct lives *lives);

#endif
