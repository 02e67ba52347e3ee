# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/flips
# Build directory: /tmp/joining-w/asan/tests/flips
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[flips.flips]=] "/tmp/joining-w/asan/tests/flips/flips" "--count" "300" "--seed" "1")
set_tests_properties([=[flips.flips]=] PROPERTIES  LABELS "flips" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/flips/CMakeLists.txt;9;add_test;/tmp/joining-w/tests/flips/CMakeLists.txt;0;")
