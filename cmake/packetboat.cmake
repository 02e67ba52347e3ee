# Warnings, sanitizers, external packages and the two shapes of target.
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(CONFUSE REQUIRED IMPORTED_TARGET libconfuse)
pkg_check_modules(JSONC REQUIRED IMPORTED_TARGET json-c)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)

add_library(pb_flags INTERFACE)
target_compile_definitions(pb_flags INTERFACE
	_GNU_SOURCE _FILE_OFFSET_BITS=64
	PB_VERSION="${PROJECT_VERSION}")
target_compile_options(pb_flags INTERFACE
	-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
	-Wmissing-prototypes -Wvla -Wpointer-arith -Wwrite-strings
	-Wformat=2 -Wundef -Wcast-qual -fno-strict-aliasing
	$<$<BOOL:${PB_WERROR}>:-Werror>)
if(PB_SANITIZE OR PB_FUZZ)
	target_compile_options(pb_flags INTERFACE
		-fsanitize=address,undefined -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	target_link_options(pb_flags INTERFACE -fsanitize=address,undefined)
	# the leak checker is a tracer of its own process
	target_compile_definitions(pb_flags INTERFACE PB_LEAKS_CHECKED)
else()
	target_compile_options(pb_flags INTERFACE -fstack-protector-strong)
endif()
if(PB_FUZZ)
	target_compile_options(pb_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# pb_library(NAME [DEPENDS lib...] [LINKS target...]): lib/NAME as pb_NAME.
function(pb_library name)
	cmake_parse_arguments(L "" "" "DEPENDS;LINKS" ${ARGN})
	file(GLOB sources CONFIGURE_DEPENDS
		${CMAKE_SOURCE_DIR}/lib/${name}/*.c)
	set(scope PUBLIC)
	if(sources)
		add_library(pb_${name} STATIC ${sources})
	else()
		add_library(pb_${name} INTERFACE)
		set(scope INTERFACE)
	endif()
	target_include_directories(pb_${name} ${scope}
		${CMAKE_SOURCE_DIR}/lib/${name})
	foreach(dep ${L_DEPENDS})
		target_link_libraries(pb_${name} ${scope} pb_${dep})
	endforeach()
	target_link_libraries(pb_${name} ${scope} pb_flags ${L_LINKS})
	if(name STREQUAL base)
		target_link_libraries(pb_${name} ${scope}
			PkgConfig::XXHASH PkgConfig::SODIUM PkgConfig::ZSTD)
	endif()
endfunction()

# pb_test(SOURCE LABEL lib...): one cmocka program per source file.
function(pb_test source label)
	get_filename_component(stem ${source} NAME_WE)
	add_executable(${stem} ${source})
	target_link_libraries(${stem} PRIVATE pb_flags PkgConfig::CMOCKA)
	foreach(lib ${ARGN})
		target_link_libraries(${stem} PRIVATE ${lib})
	endforeach()
	add_test(NAME ${label}.${stem} COMMAND ${stem})
	set_tests_properties(${label}.${stem} PROPERTIES LABELS ${label}
		TIMEOUT 300)
endfunction()
