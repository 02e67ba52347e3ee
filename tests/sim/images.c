#include "images.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "os.h"
#include "simmachine.h"

void image_keep(struct image *image, unsigned site, const struct sim_site *s,
	const struct oracle *o)
{
	image_release(image);
	image->kept = true;
	image->site = site;
	image->disk = simdisk_clone(s->disk);
	mail_server_copy(&image->mail, &s->mail, simdisk_os(image->disk));
	oracle_keep(o, site, &image->model);
}

void image_release(struct image *image)
{
	if (!image->kept)
		return;
	mail_server_release(&image->mail);
	simdisk_free(image->disk);
	model_image_release(&image->model);
	*image = (struct image){0};
}

void image_put_back(const struct image *image, struct sim_site *s)
{
	struct os *old = simdisk_os(s->disk);
	struct simdisk *disk = simdisk_clone(image->disk);
	struct mail_server mail;

	simdisk_pass(disk,
		old->ops->mono_ns(old) - disk->ops.mono_ns(simdisk_os(disk)));
	simdisk_set_wall(disk, old->ops->wall_ns(old));
	disk->rng = s->disk->rng; /* chance does not repeat itself */
	mail_server_copy(&mail, &image->mail, simdisk_os(disk));
	mail.host = s->mail.host;
	mail_server_release(&s->mail);
	simdisk_free(s->disk);
	s->mail = mail;
	s->disk = disk;
}

void image_clone(const struct sim_site *from, struct sim_site *to)
{
	struct simdisk *disk = simdisk_clone(from->disk);
	struct mail_server mail;

	simdisk_power_cut_mode(disk, SIMDISK_ALL_KEPT, 0);
	simdisk_set_hostname(disk, "otherhost");
	simdisk_set_dev(disk, 2);
	disk->rng = to->disk->rng;
	mail_server_copy(&mail, &from->mail, simdisk_os(disk));
	mail.host = to->mail.host;
	mail_server_release(&to->mail);
	simdisk_free(to->disk);
	to->mail = mail;
	to->disk = disk;
	to->key = from->key;
	memcpy(to->peers, from->peers, sizeof(to->peers));
}

/* A file's bytes, whatever it holds. */
static void read_file(struct os *os, const char *path, struct buf *ret)
{
	file_read(os, path, 1u << 26, ret, NULL);
}

static void copy_tree(
	const struct image *image, struct sim_site *s, const char *path)
{
	struct os *from = simdisk_os(image->disk);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry e;
	size_t at = 0;

	if (from->ops->list(from, path, &list) < 0)
		return;
	while (os_list_next(&list, &at, &e)) {
		AUTO_FREE char *child = mem_printf("%s/%s", path, e.name);
		AUTO_BUF struct buf bytes = BUF_INIT;

		if (e.type == DT_DIR) {
			copy_tree(image, s, child);
			continue;
		}
		read_file(from, child, &bytes);
		simdisk_put(s->disk, child, bytes.data, bytes.len);
	}
}

void image_delete(struct sim_site *s, const char *path)
{
	struct os *os = simdisk_os(s->disk);

	dir_remove(os, path, NULL);
	dir_sync(os, STATE_DIR, NULL);
	dir_sync(os, "/", NULL);
}

void image_put_back_state(const struct image *image, struct sim_site *s)
{
	image_delete(s, STATE_DIR);
	copy_tree(image, s, STATE_DIR);
}

/* ---- segments ---- */

struct segments {
	char *paths[256];
	size_t count;
};

static void find_segments(struct os *os, const char *dir, struct segments *ret)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry e;
	size_t at = 0;

	if (os->ops->list(os, dir, &list) < 0)
		return;
	while (os_list_next(&list, &at, &e)) {
		char *path = mem_printf("%s/%s", dir, e.name);

		if (e.type == DT_DIR) {
			find_segments(os, path, ret);
			mem_free_cleanup(&path);
		} else if (ret->count < 256) {
			ret->paths[ret->count++] = path;
		} else {
			mem_free_cleanup(&path);
		}
	}
}

bool image_spoil_segment(struct sim_site *s, size_t n, bool cut)
{
	struct os *os = simdisk_os(s->disk);
	struct segments all = {.count = 0};
	AUTO_BUF struct buf bytes = BUF_INIT;

	find_segments(os, STATE_DIR "/log", &all);
	if (!all.count)
		return false;
	const char *path = all.paths[n % all.count];
	read_file(os, path, &bytes);
	if (cut)
		simdisk_put(s->disk, path, bytes.data, bytes.len / 2);
	else
		os->ops->unlink(os, path);
	for (size_t i = 0; i < all.count; i++)
		mem_free_cleanup(&all.paths[i]);
	return true;
}
