# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/limits
# Build directory: /tmp/joining-w/asan/tests/limits
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[limits.sizes]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/limits/limits.py" "sizes")
set_tests_properties([=[limits.sizes]=] PROPERTIES  ENVIRONMENT "PB_BIN=/tmp/joining-w/asan/bin" LABELS "limits" SKIP_RETURN_CODE "77" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/limits/CMakeLists.txt;11;add_test;/tmp/joining-w/tests/limits/CMakeLists.txt;18;pb_limit;/tmp/joining-w/tests/limits/CMakeLists.txt;0;")
add_test([=[limits.sizes_of_made_mail]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/limits/limits.py" "sizes" "--made")
set_tests_properties([=[limits.sizes_of_made_mail]=] PROPERTIES  ENVIRONMENT "PB_BIN=/tmp/joining-w/asan/bin" LABELS "limits" SKIP_RETURN_CODE "77" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/limits/CMakeLists.txt;11;add_test;/tmp/joining-w/tests/limits/CMakeLists.txt;19;pb_limit;/tmp/joining-w/tests/limits/CMakeLists.txt;0;")
