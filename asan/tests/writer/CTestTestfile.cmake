# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/writer
# Build directory: /tmp/joining-w/asan/tests/writer
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[race.test_scan_race]=] "/tmp/joining-w/asan/tests/writer/test_scan_race")
set_tests_properties([=[race.test_scan_race]=] PROPERTIES  LABELS "race" TIMEOUT "1800" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/writer/CMakeLists.txt;4;pb_test;/tmp/joining-w/tests/writer/CMakeLists.txt;10;pb_writer_test;/tmp/joining-w/tests/writer/CMakeLists.txt;0;")
add_test([=[cost.test_big_mail]=] "/tmp/joining-w/asan/tests/writer/test_big_mail")
set_tests_properties([=[cost.test_big_mail]=] PROPERTIES  LABELS "cost" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/writer/CMakeLists.txt;4;pb_test;/tmp/joining-w/tests/writer/CMakeLists.txt;11;pb_writer_test;/tmp/joining-w/tests/writer/CMakeLists.txt;0;")
add_test([=[unit.test_body_client]=] "/tmp/joining-w/asan/tests/writer/test_body_client")
set_tests_properties([=[unit.test_body_client]=] PROPERTIES  LABELS "unit" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/cmake/packetboat.cmake;66;add_test;/tmp/joining-w/tests/writer/CMakeLists.txt;16;pb_test;/tmp/joining-w/tests/writer/CMakeLists.txt;0;")
add_test([=[writer.daemon]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/writer/daemon.py")
set_tests_properties([=[writer.daemon]=] PROPERTIES  ENVIRONMENT "PB_BIN=/tmp/joining-w/asan/bin;FEWWATCHES=/tmp/joining-w/asan/tests/libfewwatches.so" LABELS "cost" TIMEOUT "250" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/writer/CMakeLists.txt;27;add_test;/tmp/joining-w/tests/writer/CMakeLists.txt;0;")
add_test([=[e2e.writer_once]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/writer/live.py" "once" "--seed" "1")
set_tests_properties([=[e2e.writer_once]=] PROPERTIES  ENVIRONMENT "PB_BIN=/tmp/joining-w/asan/bin" LABELS "e2e" SKIP_RETURN_CODE "77" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/writer/CMakeLists.txt;32;add_test;/tmp/joining-w/tests/writer/CMakeLists.txt;0;")
add_test([=[e2e.writer_follow]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/writer/live.py" "follow" "--seed" "1")
set_tests_properties([=[e2e.writer_follow]=] PROPERTIES  ENVIRONMENT "PB_BIN=/tmp/joining-w/asan/bin" LABELS "e2e" SKIP_RETURN_CODE "77" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/writer/CMakeLists.txt;32;add_test;/tmp/joining-w/tests/writer/CMakeLists.txt;0;")
