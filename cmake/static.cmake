# quire_find_static(VARIABLE...): find_library takes static libraries from here on in this folder; what an
# earlier run found is looked for anew.
macro(quire_find_static)
  if(QUIRE_STATIC)
    set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
    foreach(found ${ARGN})
      if("${${found}}" MATCHES "\\.so$")
        unset(${found} CACHE)
      endif()
    endforeach()
  endif()
endmacro()

# The quire command is linked statically: the dynamic linker would take a tenth of a sandbox's start.
# Debian has no static fmt, so it is made from the headers; sanitizers want dynamic programs.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release" OR NOT QUIRE_SANITIZE STREQUAL "" OR QUIRE_FUZZ)
  return()
endif()
set(QUIRE_STATIC ON)
add_library(quire_fmt STATIC ${CMAKE_CURRENT_LIST_DIR}/fmt.cpp)
set_target_properties(quire_fmt PROPERTIES ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
get_target_property(fmt_configurations fmt::fmt IMPORTED_CONFIGURATIONS)
foreach(configuration ${fmt_configurations})
  set_target_properties(fmt::fmt PROPERTIES IMPORTED_LOCATION_${configuration} ${CMAKE_BINARY_DIR}/libquire_fmt.a)
endforeach()
add_dependencies(fmt::fmt quire_fmt)
