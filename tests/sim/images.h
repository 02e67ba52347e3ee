/*
 * images: what disasters do to a site's disk: an image of it is kept, put
 * back whole or its state alone; files are deleted or cut short.
 */
#ifndef PB_IMAGES_H
#define PB_IMAGES_H

#include "oracle.h"
#include "simsite.h"

struct image {
	bool kept;
	unsigned site;
	struct simdisk *disk;
	struct mail_server mail;
	struct model_image model;
};

void image_keep(struct image *image, unsigned site, const struct sim_site *s,
	const struct oracle *o);
void image_release(struct image *image);
/* The machine goes on as it was then; its clock is not set back. */
void image_put_back(const struct image *image, struct sim_site *s);
/* The directory of the state, from an image. */
void image_put_back_state(const struct image *image, struct sim_site *s);
/* Another machine, just started from a copy of this one's disk and mail; the
   key and the configuration are the same. */
void image_clone(const struct sim_site *from, struct sim_site *to);
/* rm -r */
void image_delete(struct sim_site *s, const char *path);
/*
 * Delete the n-th of all segments of this site's logs, or cut it to half.
 * Returns false when there are none.
 */
bool image_spoil_segment(struct sim_site *s, size_t n, bool cut);

#endif
