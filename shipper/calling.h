/*
 * calling: what came of a call is written down, for status (lib/site/calls.h).
 * That this cannot be done is said, and is no failure of the call.
 */
#ifndef PB_CALLING_H
#define PB_CALLING_H

#include "calls.h"
#include "shipper.h"

struct live;

/* A call begins now, and ends well unless calling_failed says otherwise. */
struct call calling_begin(const struct shipper *s);
/* Not there, or broken off, is no failure; the first that is said counts. */
void calling_failed(struct call *call, const struct err *why);
/* Of a carrier that was visited. A daemon that looks at one all the time tells
   of what is new. */
void calling_tell(struct shipper *s, size_t peer,
	const struct config_link *link, struct call *call);

/* Of a live link: now and then while it is up, and at its end. */
void calling_tell_live(struct live *l);
void calling_tell_end(struct live *l);

#endif
