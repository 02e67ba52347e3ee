/*
 * carrier_dir: the row `dir` of the carriers' table (carrier.c).
 */
#ifndef PB_CARRIER_DIR_H
#define PB_CARRIER_DIR_H

#include "carrier.h"

extern const struct carrier_ops carrier_dir_ops;

#endif
