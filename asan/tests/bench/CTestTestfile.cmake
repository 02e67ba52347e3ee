# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/bench
# Build directory: /tmp/joining-w/asan/tests/bench
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[bench.compare]=] "/tmp/joining-w/asan/tests/bench/bench_compare" "1000")
set_tests_properties([=[bench.compare]=] PROPERTIES  LABELS "bench" TIMEOUT "60" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/bench/CMakeLists.txt;12;add_test;/tmp/joining-w/tests/bench/CMakeLists.txt;0;")
add_test([=[bench.run]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/bench/run" "--rounds" "1" "--messages" "20" "--large" "60")
set_tests_properties([=[bench.run]=] PROPERTIES  ENVIRONMENT "PB_BIN=/tmp/joining-w/asan/bin" LABELS "bench" SKIP_RETURN_CODE "77" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/bench/CMakeLists.txt;18;add_test;/tmp/joining-w/tests/bench/CMakeLists.txt;0;")
add_test([=[bench.catchup]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/bench/catchup" "--messages" "60" "--percent" "10" "--mix" "mixed" "--delay" "0.05")
set_tests_properties([=[bench.catchup]=] PROPERTIES  ENVIRONMENT "PB_BIN=/tmp/joining-w/asan/bin;PB_STATE_SQL=/tmp/joining-w/asan/tests/state_sql" LABELS "bench" SKIP_RETURN_CODE "77" TIMEOUT "600" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/bench/CMakeLists.txt;30;add_test;/tmp/joining-w/tests/bench/CMakeLists.txt;0;")
add_test([=[limits.catchup]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/bench/catchup" "--own" "--messages" "1000" "--percent" "4" "--mix" "mixed" "--mix" "flags")
set_tests_properties([=[limits.catchup]=] PROPERTIES  ENVIRONMENT "PB_BIN=/tmp/joining-w/asan/bin;PB_STATE_SQL=/tmp/joining-w/asan/tests/state_sql" LABELS "limits" SKIP_RETURN_CODE "77" TIMEOUT "600" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/bench/CMakeLists.txt;32;add_test;/tmp/joining-w/tests/bench/CMakeLists.txt;0;")
