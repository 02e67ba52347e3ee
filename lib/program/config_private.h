/*
 * config_private: what the files of the configuration share among themselves.
 */
#ifndef PB_CONFIG_PRIVATE_H
#define PB_CONFIG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define CONFIG_FILE_MAX (1u << 20) /* bytes of a configuration file */
#define CONFIG_PATH_MAX 4000u	   /* bytes of a path in it */
#define CONFIG_ACCOUNT_MAX 255u	   /* bytes of an account's name */
#define CONFIG_NAME_MAX 64u	   /* bytes of a site, peer or link name */

/*
 * Check the text for what libConfuse would let pass or trip over, and append
 * to ret what it is to read: the same text, same lines, comments blanked.
 * Errors: ERR_USAGE, "PATH:LINE: ...".
 */
int config_scan(const char *path, const void *text, size_t len, struct buf *ret,
	struct err *err);

/*
 * One value each, as text. Returns 0 and the value (ret may be NULL).
 * Errors: ERR_USAGE, "not a size: ..." without the name of the key.
 */
int value_percent(const char *text, unsigned *ret, struct err *err);
int value_count(const char *text, unsigned *ret, struct err *err);
int value_bool(const char *text, bool *ret, struct err *err); /* yes, no */
int value_path(const char *text, struct err *err);	      /* absolute */
int value_pattern(const char *text, struct err *err); /* with %d %n %u %% */
int value_layout(const char *text, int *ret, struct err *err);
int value_changes(const char *text, int *ret, struct err *err);
int value_relay(const char *text, int *ret, struct err *err);
/* Of a file on a medium: not too small for one parcel. */
int value_max_file(const char *text, uint64_t *ret, struct err *err);
/* "no" is 0. */
int value_preview(const char *text, uint32_t *ret, struct err *err);
/* Bytes a second. */
int value_rate(const char *text, uint64_t *ret, struct err *err);
int value_compression(const char *text, int *ret, struct err *err);
int value_listen(const char *text, struct err *err);  /* "*:4470" */
int value_via(const char *text, struct err *err);     /* "dir:/media/usb" */
int value_command(const char *text, struct err *err); /* for a shell */
int value_key(const char *text, struct err *err);  /* looks like a key line */
int value_name(const char *text, struct err *err); /* site, peer, link */
int value_account(const char *text, struct err *err); /* account's name */
int value_folder(const char *text, struct err *err);  /* "Work/2026" */

#endif
