/*
 * status_metrics: the tree of `packetboat status` as text that Prometheus
 * reads, by way of node_exporter's textfile collector. Labels are peers and
 * links, which the configuration bounds; accounts are summed up. Pure.
 */
#ifndef PB_STATUS_METRICS_H
#define PB_STATUS_METRICS_H

#include <json-c/json.h>

#include "mem.h"

void status_metrics(struct json_object *tree, struct buf *ret);

#endif
