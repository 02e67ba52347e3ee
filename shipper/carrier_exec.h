/*
 * carrier_exec: the row `exec` of the carriers' table (carrier.c).
 */
#ifndef PB_CARRIER_EXEC_H
#define PB_CARRIER_EXEC_H

#include "carrier.h"

extern const struct carrier_ops carrier_exec_ops;

#endif
