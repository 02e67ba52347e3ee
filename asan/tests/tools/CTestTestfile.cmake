# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/tools
# Build directory: /tmp/joining-w/asan/tests/tools
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[unit.test_doveconf]=] "/tmp/joining-w/asan/tests/tools/test_doveconf")
set_tests_properties([=[unit.test_doveconf]=] PROPERTIES  LABELS "unit" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;2;pb_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
add_test([=[unit.test_log_command]=] "/tmp/joining-w/asan/tests/tools/test_log_command")
set_tests_properties([=[unit.test_log_command]=] PROPERTIES  LABELS "unit" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;3;pb_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
add_test([=[tools.front]=] "bash" "/tmp/joining-w/tests/tools/front.sh" "/tmp/joining-w/asan/bin/packetboat" "/tmp/joining-w")
set_tests_properties([=[tools.front]=] PROPERTIES  LABELS "tools" SKIP_RETURN_CODE "77" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/tools/CMakeLists.txt;7;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;13;pb_tool_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
add_test([=[tools.doctor]=] "bash" "/tmp/joining-w/tests/tools/doctor.sh" "/tmp/joining-w/asan/bin/packetboat")
set_tests_properties([=[tools.doctor]=] PROPERTIES  LABELS "tools" SKIP_RETURN_CODE "77" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/tools/CMakeLists.txt;7;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;14;pb_tool_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
add_test([=[tools.completion]=] "bash" "/tmp/joining-w/tests/tools/completion.sh" "/tmp/joining-w/asan/bin/packetboat" "/tmp/joining-w")
set_tests_properties([=[tools.completion]=] PROPERTIES  LABELS "tools" SKIP_RETURN_CODE "77" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/tools/CMakeLists.txt;7;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;15;pb_tool_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
add_test([=[tools.install]=] "bash" "/tmp/joining-w/tests/tools/install.sh" "/usr/bin/cmake" "/tmp/joining-w/asan")
set_tests_properties([=[tools.install]=] PROPERTIES  LABELS "tools" SKIP_RETURN_CODE "77" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/tools/CMakeLists.txt;7;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;16;pb_tool_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
add_test([=[tools.site]=] "bash" "/tmp/joining-w/tests/tools/site.sh" "/tmp/joining-w/asan/bin/packetboat")
set_tests_properties([=[tools.site]=] PROPERTIES  LABELS "tools" SKIP_RETURN_CODE "77" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/tools/CMakeLists.txt;7;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;17;pb_tool_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
add_test([=[tools.bodies]=] "bash" "/tmp/joining-w/tests/tools/bodies.sh" "/tmp/joining-w/asan/bin/packetboat")
set_tests_properties([=[tools.bodies]=] PROPERTIES  LABELS "tools" SKIP_RETURN_CODE "77" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/tools/CMakeLists.txt;7;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;18;pb_tool_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
add_test([=[tools.manual]=] "bash" "/tmp/joining-w/tests/tools/manual.sh" "/tmp/joining-w/asan/bin/packetboat" "/tmp/joining-w")
set_tests_properties([=[tools.manual]=] PROPERTIES  LABELS "tools" SKIP_RETURN_CODE "77" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/tools/CMakeLists.txt;7;add_test;/tmp/joining-w/tests/tools/CMakeLists.txt;19;pb_tool_test;/tmp/joining-w/tests/tools/CMakeLists.txt;0;")
