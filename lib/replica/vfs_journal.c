/*
 * vfs_journal: checksums in SQLite's rollback journal. The picture is in
 * vfs_journal.h.
 *
 * SQLite writes and reads a record in its three pieces, and looks for a
 * header by its magic (or by its first byte: "is this journal needed?"). An
 * image never begins at a sector, for records are 8 bytes longer than one; so
 * length and place tell what a piece is.
 */
#include "vfs_journal.h"
#include "hash.h"
#include "vfs_page.h"

#include <string.h>

#define SECTOR VFS_PAGE_SIZE
#define FIELDS 28 /* of a header, before its check */
#define MAGIC 8
#define COUNTED 12 /* magic and number of records */
#define NONCE_AT 12
#define CHECK 8
#define RECORD (4 + VFS_PAGE_SIZE + 4)
#define SAMPLE 200 /* SQLite sums every so many bytes, from the end */

static bool is_zero(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i])
			return false;
	return true;
}

static void head_check(const uint8_t *head, int64_t at, uint8_t ret[CHECK])
{
	uint64_t check = hash_check(head, FIELDS, (uint64_t)at);

	for (int i = 0; i < CHECK; i++)
		ret[i] = (uint8_t)(check >> (8 * i));
}

static uint32_t sum_of(const uint8_t *image)
{
	uint32_t sum = 0;

	for (int i = VFS_PAGE_SIZE - SAMPLE; i > 0; i -= SAMPLE)
		sum += image[i];
	return sum;
}

static const uint8_t *seal_head(struct vfs_journal *j, const uint8_t *from,
	size_t *len, int64_t at, uint8_t *room)
{
	if (*len == SECTOR) { /* a new part */
		memcpy(j->head, from, FIELDS);
		j->head_at = at;
		j->next = -1;
		return from;
	}
	if (*len == COUNTED && at == j->head_at) { /* its records are durable */
		memcpy(room, from, COUNTED);
		memcpy(room + COUNTED, j->head + COUNTED, FIELDS - COUNTED);
		head_check(room, at, room + FIELDS);
		*len = JOURNAL_HEAD;
		return room;
	}
	if (*len == 1) { /* an old header made void by its first byte */
		memset(room, 0, JOURNAL_HEAD);
		room[0] = from[0];
		*len = JOURNAL_HEAD;
		return room;
	}
	return from;
}

const uint8_t *vfs_journal_seal(struct vfs_journal *j, const uint8_t *from,
	size_t *len, int64_t at, uint8_t *room)
{
	if (*len == 4) {
		j->page = vfs_page_u32(from);
		j->image_at = at + 4;
		return from;
	}
	if (at % SECTOR == 0)
		return seal_head(j, from, len, at, room);
	if (*len != VFS_PAGE_SIZE || at != j->image_at)
		return from;
	memcpy(room, from, VFS_PAGE_SIZE);
	vfs_page_seal(room, j->page);
	return room;
}

bool vfs_journal_asks_head(size_t len, int64_t at)
{
	return (len == 1 || len == MAGIC) && at % SECTOR == 0;
}

bool vfs_journal_is_behind(const struct vfs_journal *j, int64_t at)
{
	return (j->head_at >= 0 && at > j->head_at) ||
	       (j->over_at >= 0 && at > j->over_at);
}

/*
 * How many bytes of a header's check are there, if those are right and only
 * zeros follow; -1 if it is wrong.
 */
static int check_len(const uint8_t *head, int64_t at)
{
	uint8_t check[CHECK];
	int len = 0;

	head_check(head, at, check);
	while (len < CHECK && head[FIELDS + len] == check[len])
		len++;
	return is_zero(head + FIELDS + len, (size_t)(CHECK - len)) ? len : -1;
}

bool vfs_journal_check_head(
	struct vfs_journal *j, const uint8_t *head, int64_t at, int64_t size)
{
	int64_t records = vfs_page_u32(head + MAGIC);
	int len = check_len(head, at);

	j->next = -1;
	j->page = 0;
	j->over_at = at;
	if (is_zero(head, COUNTED))
		return true;
	if (at + SECTOR > size)
		return false;
	if (is_zero(head + FIELDS, CHECK))
		return true;
	j->over_at = -1;
	if (len < 0 || at + SECTOR + records * RECORD > size)
		return false;
	j->nonce = vfs_page_u32(head + NONCE_AT);
	j->next = at + SECTOR;
	return true;
}

/* SQLite itself would take a wrong sum for the journal's end. */
static bool check_sum(struct vfs_journal *j, const uint8_t *sum, int64_t at)
{
	if (!j->checked)
		return true;
	j->next = at + 4;
	return vfs_page_u32(sum) == j->nonce + j->sum;
}

bool vfs_journal_check_record(
	struct vfs_journal *j, const uint8_t *piece, size_t len, int64_t at)
{
	if (len == VFS_PAGE_SIZE && at == j->image_at) {
		j->sum = sum_of(piece);
		return vfs_page_whole(piece, j->page);
	}
	if (len != 4)
		return true;
	if (j->image_at >= 0 && at == j->image_at + VFS_PAGE_SIZE)
		return check_sum(j, piece, at);
	j->checked = at == j->next;
	j->page = vfs_page_u32(piece);
	j->image_at = at + 4;
	return true;
}
