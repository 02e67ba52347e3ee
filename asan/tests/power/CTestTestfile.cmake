# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/power
# Build directory: /tmp/joining-w/asan/tests/power
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[power.cuts]=] "/tmp/joining-w/asan/tests/power/power_cuts" "--count" "900" "--seed" "1")
set_tests_properties([=[power.cuts]=] PROPERTIES  LABELS "power" TIMEOUT "600" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/power/CMakeLists.txt;15;add_test;/tmp/joining-w/tests/power/CMakeLists.txt;0;")
