/* SPDX-License-Identifier: MPL-2.0 */
#include "scenarios.h"

const struct sim_scenario sim_scenarios[] = {
#define X(name) {#name, scenario_##name},
    SIM_SCENARIO_LIST(X)
#undef X
};

const uint32_t sim_scenario_count = sizeof(sim_scenarios) / sizeof(sim_scenarios[0]);
