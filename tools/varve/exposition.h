// SPDX-License-Identifier: Apache-2.0
// What export and import of OpenMetrics agree on beyond what it says itself.
#ifndef VARVE_EXPOSITION_H
#define VARVE_EXPOSITION_H

// What the help of a counter begins with whose name has no _total: OpenMetrics has no type for it.
#define EXPOSITION_COUNTER "(counter)"

#endif
