/*
 * tree: what is printed with --json, as a json-c tree that is built key by key.
 */
#ifndef PB_TREE_H
#define PB_TREE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* text: NULL gives null. */
void tree_text(struct json_object *to, const char *key, const char *text);
void tree_number(struct json_object *to, const char *key, uint64_t n);
void tree_true(struct json_object *to, const char *key, bool value);
/* As 16 hexadecimal digits. */
void tree_hex(struct json_object *to, const char *key, uint64_t n);
/* The array of that name in an object, made when there is none. */
struct json_object *tree_array(struct json_object *in, const char *key);

/* Of what was built: "", 0, false or an empty array where there is no such
   key. */
const char *tree_get_text(struct json_object *o, const char *key);
uint64_t tree_get_number(struct json_object *o, const char *key);
bool tree_get_true(struct json_object *o, const char *key);
size_t tree_length(struct json_object *o, const char *key);
struct json_object *tree_item(struct json_object *o, const char *key, size_t i);

#endif
