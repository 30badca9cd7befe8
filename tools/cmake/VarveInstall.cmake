# SPDX-License-Identifier: Apache-2.0
# libvarve - core, port, linked plugins and client in one static library - and what `cmake --install`
# puts where: programs (tools/CMakeLists.txt), modules (VarvePlugin.cmake), the library with its
# headers, varve.pc, the CMake package, the board's configuration and a systemd unit.
include(CMakePackageConfigHelpers)

get_property(linked_plugins GLOBAL PROPERTY varve_linked_plugins)
get_property(linked_libs GLOBAL PROPERTY varve_linked_libs)
get_property(linked_packages GLOBAL PROPERTY varve_linked_packages)
get_property(linked_pkgconfig GLOBAL PROPERTY varve_linked_pkgconfig)
# Targets of this build are in the archive as objects; only foreign libraries stay to be linked.
list(FILTER linked_libs EXCLUDE REGEX "^varve_")
foreach(list linked_libs linked_packages linked_pkgconfig)
    list(REMOVE_DUPLICATES ${list})
endforeach()

add_library(varve_lib STATIC
    "${PROJECT_BINARY_DIR}/generated/registry.c"
    $<TARGET_OBJECTS:varve_core>
    $<TARGET_OBJECTS:varve_port_${VARVE_PORT}>
    $<TARGET_OBJECTS:varve_collector_parse>
    $<TARGET_OBJECTS:varve_collector_support>
    $<TARGET_OBJECTS:varve_client>)
foreach(plugin IN LISTS linked_plugins)
    target_sources(varve_lib PRIVATE $<TARGET_OBJECTS:varve_${plugin}>)
endforeach()
target_include_directories(varve_lib PRIVATE "${PROJECT_SOURCE_DIR}")
target_link_libraries(varve_lib
    PUBLIC varve_api PkgConfig::inih ${linked_libs} Threads::Threads ${CMAKE_DL_LIBS} m)
set_target_properties(varve_lib PROPERTIES OUTPUT_NAME varve EXPORT_NAME varve
    ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")

install(TARGETS varve_lib varve_api EXPORT varve DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/varve" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")

# find_package(varve), target varve::varve
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/varve")
set(VARVE_FIND_DEPENDENCIES "")
foreach(package IN LISTS linked_packages)
    string(APPEND VARVE_FIND_DEPENDENCIES "find_dependency(${package})\n")
endforeach()
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/varveConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/generated/varveConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/generated/varveConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(EXPORT varve NAMESPACE varve:: FILE varveTargets.cmake DESTINATION "${package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/generated/varveConfig.cmake"
    "${PROJECT_BINARY_DIR}/generated/varveConfigVersion.cmake" DESTINATION "${package_dir}")

# pkg-config varve. The prefix is told from where the file lies, so that an installed tree can move.
file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" up "${up}")
set(VARVE_PC_PREFIX "\${pcfiledir}/${up}")
list(JOIN linked_pkgconfig " " VARVE_PC_REQUIRES)
list(TRANSFORM VARVE_BOARD_CAPS PREPEND "-D" OUTPUT_VARIABLE VARVE_PC_DEFINES)
list(JOIN VARVE_PC_DEFINES " " VARVE_PC_DEFINES)
configure_file("${CMAKE_CURRENT_LIST_DIR}/varve.pc.in" "${PROJECT_BINARY_DIR}/generated/varve.pc"
    @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/varve.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# Configuration and service
if(EXISTS "${VARVE_BOARD_DIR}/board.ini")
    install(FILES "${VARVE_BOARD_DIR}/board.ini" RENAME varve.ini
        DESTINATION "${CMAKE_INSTALL_SYSCONFDIR}/varve")
endif()
configure_file("${PROJECT_SOURCE_DIR}/tools/packaging/varved.service.in"
    "${PROJECT_BINARY_DIR}/generated/varved.service" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/varved.service" DESTINATION lib/systemd/system)
