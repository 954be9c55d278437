# The headers, the library and the CMake package that find_package(caloforge) looks for.
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/caloforge)
install(TARGETS caloforge EXPORT caloforge)
install(FILES include/caloforge.h include/caloforge.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT caloforge NAMESPACE caloforge:: DESTINATION ${package} FILE caloforgeConfig.cmake)
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/caloforgeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/caloforgeConfigVersion.cmake DESTINATION ${package})
