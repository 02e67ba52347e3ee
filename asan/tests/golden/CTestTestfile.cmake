# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/golden
# Build directory: /tmp/joining-w/asan/tests/golden
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[golden.change]=] "/tmp/joining-w/asan/tests/golden/golden_change" "/tmp/joining-w/tests/golden/v1")
set_tests_properties([=[golden.change]=] PROPERTIES  LABELS "golden" TIMEOUT "60" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/golden/CMakeLists.txt;12;add_test;/tmp/joining-w/tests/golden/CMakeLists.txt;0;")
add_test([=[golden.compare]=] "/tmp/joining-w/asan/tests/golden/golden_compare" "/tmp/joining-w/tests/golden/v1")
set_tests_properties([=[golden.compare]=] PROPERTIES  LABELS "golden" TIMEOUT "60" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/golden/CMakeLists.txt;12;add_test;/tmp/joining-w/tests/golden/CMakeLists.txt;0;")
add_test([=[golden.parcel]=] "/tmp/joining-w/asan/tests/golden/golden_parcel" "/tmp/joining-w/tests/golden/v1")
set_tests_properties([=[golden.parcel]=] PROPERTIES  LABELS "golden" TIMEOUT "60" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/golden/CMakeLists.txt;12;add_test;/tmp/joining-w/tests/golden/CMakeLists.txt;0;")
add_test([=[golden.segment]=] "/tmp/joining-w/asan/tests/golden/golden_segment" "/tmp/joining-w/tests/golden/v1")
set_tests_properties([=[golden.segment]=] PROPERTIES  LABELS "golden" TIMEOUT "60" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/golden/CMakeLists.txt;12;add_test;/tmp/joining-w/tests/golden/CMakeLists.txt;0;")
