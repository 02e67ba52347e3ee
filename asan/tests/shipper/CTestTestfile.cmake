# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/shipper
# Build directory: /tmp/joining-w/asan/tests/shipper
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[unit.test_cargo]=] "/tmp/joining-w/asan/tests/shipper/test_cargo")
set_tests_properties([=[unit.test_cargo]=] PROPERTIES  LABELS "unit" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;4;pb_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;0;")
add_test([=[unit.test_carrier_dir]=] "/tmp/joining-w/asan/tests/shipper/test_carrier_dir")
set_tests_properties([=[unit.test_carrier_dir]=] PROPERTIES  LABELS "unit" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;4;pb_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;0;")
add_test([=[unit.test_lading]=] "/tmp/joining-w/asan/tests/shipper/test_lading")
set_tests_properties([=[unit.test_lading]=] PROPERTIES  LABELS "unit" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;4;pb_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;0;")
add_test([=[unit.test_medium]=] "/tmp/joining-w/asan/tests/shipper/test_medium")
set_tests_properties([=[unit.test_medium]=] PROPERTIES  LABELS "unit" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;4;pb_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;0;")
add_test([=[unit.test_untaken]=] "/tmp/joining-w/asan/tests/shipper/test_untaken")
set_tests_properties([=[unit.test_untaken]=] PROPERTIES  LABELS "unit" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;4;pb_test;/tmp/joining-w/tests/shipper/CMakeLists.txt;0;")
