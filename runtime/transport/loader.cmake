# SPDX-License-Identifier: MPL-2.0
relay_library(rt_loader SOURCES loader.c DEPS rt_base ${CMAKE_DL_LIBS})
set_source_files_properties(loader.c PROPERTIES COMPILE_DEFINITIONS
  "RELAY_PLUGIN_DIR=\"${RELAY_PLUGIN_DIR}\"")
set_property(SOURCE loader.c APPEND PROPERTY COMPILE_DEFINITIONS
  "RELAY_PLUGIN_DIR_FROM_BIN=\"${RELAY_PLUGIN_DIR_FROM_BIN}\"")
