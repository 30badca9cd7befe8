// SPDX-License-Identifier: Apache-2.0
// Names of files: two directories of the same device, the one that programs see and the one that a
// power cut leaves. Content is inode.h's.
//
// Threading: one task.
#ifndef VARVE_SIM_NAMES_H
#define VARVE_SIM_NAMES_H

#include "inode.h"

// The file of that name as programs see it, or NULL.
struct sim_inode *sim_name_find(const char *path);
// Makes an empty file. VARVE_E_NOT_FOUND when its directory is missing, VARVE_E_TOO_BIG,
// VARVE_E_NO_MEMORY.
int sim_name_create(const char *path, struct sim_inode **out);
bool sim_name_is_dir(const char *path);

// files.c: every handle is closed, whatever it pointed to.
void sim_handles_close(void);

#endif
