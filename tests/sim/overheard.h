/*
 * overheard: what a site says to a peer, as it is before it is sealed: the
 * sections of each parcel, on whatever way it goes. --wrap puts it in front of
 * parcel_seal and parcel_pack.
 */
#ifndef PB_OVERHEARD_H
#define PB_OVERHEARD_H

#include "simsite.h"

typedef void overheard_fn(void *arg, const struct sim_site *from, size_t peer,
	const void *data, size_t len);

/* Who hears it; NULL: nobody. */
void overheard_by(overheard_fn *fn, void *arg);
/* Until the next call it is this one who speaks, to that peer; NULL: nobody. */
void overheard_from(const struct sim_site *from, size_t peer);

#endif
