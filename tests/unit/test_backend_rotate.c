// SPDX-License-Identifier: Apache-2.0
#include "backend_contract.h"
extern const struct varve_plugin varve_backend_rotate;
int main(void)
{
    const struct backend_contract contract = {&varve_backend_rotate, true, "blocks"};
    return backend_contract_run(&contract);
}
