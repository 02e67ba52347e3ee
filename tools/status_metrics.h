/*
 * status_metrics: the tree of `packetboat status` as text that Prometheus
 * reads, by way of node_exporter's textfile collector. Labels are peers and
 * links, which the configuration bounds; accounts are summed up.
 */
#ifndef PB_STATUS_METRICS_H
#define PB_STATUS_METRICS_H

#include <json-c/json.h>

#include "mem.h"

struct err;

void status_metrics(struct json_object *tree, struct buf *ret);

/*
 * status_look.c: replace the file that a configuration names, if it names one.
 * Errors: as site_open, and ERR_IO.
 */
int status_figures(const char *config, struct err *err);

#endif
